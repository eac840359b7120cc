/**
 * The four operations of EDA (https://arxiv.org/abs/1901.11196) on a row of units: pure functions of the units, the rate and
 * numbers that are drawn. Units that are fixed stay as they are, where they are among each other.
 */
import { stopWords } from './stop-words.ts';
import type { Synonyms } from './synonyms.ts';

/** A word of a text, or an entity that must stay whole. */
export interface Unit {
  /** What stands between the unit before it and this one. */
  before: string;
  text: string;
  /** Where the unit is not to be touched: words of the example, from and to. */
  fixed?: readonly [from: number, to: number];
}

export interface Operands {
  /** Share of the words that is changed. */
  rate: number;
  synonyms: Synonyms;
  /** Uniform in [0, 1), another number at every call. */
  draw(): number;
}

type Operation = (units: readonly Unit[], operands: Operands) => Unit[];

const free = (units: readonly Unit[]) => units.flatMap((unit, i) => (unit.fixed ? [] : [i]));
const changes = (count: number, rate: number) => Math.max(1, Math.floor(rate * count));
const oneOf = <T>(items: readonly T[], draw: () => number): T | undefined =>
  items[Math.floor(draw() * items.length)];

function shuffled<T>(items: readonly T[], draw: () => number): T[] {
  const order = [...items];
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}

function asWritten(synonym: string, original: string): string {
  const isCapital = /^\p{Lu}/u.test(original);
  return isCapital ? synonym.replace(/^./u, letter => letter.toUpperCase()) : synonym;
}

/** Positions of words that have synonyms, in drawn order. */
function replaceable(units: readonly Unit[], { synonyms, draw }: Operands): number[] {
  const found = free(units).filter(i => {
    const { text } = units[i]!;
    return !stopWords.has(text.toLowerCase()) && synonyms.of(text).length > 0;
  });
  return shuffled(found, draw);
}

const replacement: Operation = (units, operands) => {
  const { rate, synonyms, draw } = operands;
  const changed = [...units];
  for (const i of replaceable(units, operands).slice(0, changes(free(units).length, rate))) {
    const unit = units[i]!;
    changed[i] = { ...unit, text: asWritten(oneOf(synonyms.of(unit.text), draw)!, unit.text) };
  }
  return changed;
};

/** A new word goes before some unit or to the end, never into a fixed one. */
const insertion: Operation = (units, operands) => {
  const { rate, synonyms, draw } = operands;
  const sources = replaceable(units, operands);
  const changed = [...units];
  if (sources.length === 0) return changed;
  const space = units.some(({ before }) => /\s/.test(before)) ? ' ' : '';
  for (let n = changes(free(units).length, rate); n > 0; n--) {
    const text = oneOf(synonyms.of(units[oneOf(sources, draw)!]!.text), draw)!;
    const at = Math.floor(draw() * (changed.length + 1));
    const next = changed[at];
    changed.splice(at, 0, { before: next && at > 0 ? next.before : at > 0 ? space : '', text });
    if (next) changed[at + 1] = { ...next, before: at > 0 ? space : space || next.before };
  }
  return changed;
};

const swap: Operation = (units, { rate, draw }) => {
  const changed = [...units];
  const places = free(units);
  if (places.length < 2) return changed;
  for (let n = changes(places.length, rate); n > 0; n--) {
    const [a, b] = shuffled(places, draw) as [number, number];
    const [first, second] = [changed[a]!, changed[b]!];
    changed[a] = { ...first, text: second.text };
    changed[b] = { ...second, text: first.text };
  }
  return changed;
};

/** At least one unit is left. */
const deletion: Operation = (units, { rate, draw }) => {
  const kept = units.filter(unit => unit.fixed || draw() >= rate);
  const left = kept.length > 0 ? kept : [oneOf(units, draw)!];
  return left.map((unit, i) => (i === 0 ? { ...unit, before: units[0]!.before } : unit));
};

export const operations = { replacement, insertion, swap, deletion } as const;
export type OperationName = keyof typeof operations;
export const operationNames = Object.keys(operations) as OperationName[];
