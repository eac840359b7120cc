/**
 * A set of strings with a number each, as a double array over code points: one unit of three numbers a node, reached
 * by adding a character's code to its parent's base. Built at compile time, walked in place.
 */
import { VeneerError } from '../error.ts';
import type { SectionReader, SectionWriter } from './format.ts';
import { codePoints, type PointTable, readPointTable, writePointTable } from './point-table.ts';

/**
 * Node n is units[3n] base, units[3n + 1] parent, units[3n + 2] value (-1: no string ends here). The child of n for a
 * code is base + code where that unit's parent is n. The root is 0. A character that occurs in no string has code 0.
 */
export interface Trie {
  units: Int32Array;
  codes: PointTable<Uint16Array>;
}

export function readTrie(section: SectionReader, name: string): Trie {
  return { units: section('i32', `${name}.units`), codes: readPointTable(section, 'u16', `${name}.codes`) };
}

/** The node that `text` leads to, or -1. */
export function nodeOf({ units, codes }: Trie, text: string): number {
  let node = 0;
  for (const character of text) {
    const point = character.codePointAt(0)!;
    const next = units[3 * node]! + codes.cells[(codes.pages[point >>> 7]! << 7) | (point & 127)]!;
    if (units[3 * next + 1] !== node) return -1;
    node = next;
  }
  return node;
}

/** The value of the string that the characters of `points` in this range are, or -1. */
export function trieValue(
  { units, codes }: Trie,
  points: Int32Array,
  { from, to }: { from: number; to: number },
) {
  let node = 0;
  for (let i = from; i < to; i++) {
    const point = points[i]!;
    const next = units[3 * node]! + codes.cells[(codes.pages[point >>> 7]! << 7) | (point & 127)]!;
    if (units[3 * next + 1] !== node) return -1;
    node = next;
  }
  return units[3 * node + 2]!;
}

/** The string that ends with a value, or an empty one. What it takes to walk upwards is made at the first call. */
export function stringsOf(trie: Trie): (value: number) => string {
  const { units } = trie;
  let upwards: ReturnType<typeof inverted> | undefined;
  return value => {
    upwards ??= inverted(trie);
    const points: number[] = [];
    for (let node = upwards.ends[value] ?? 0; node > 0; ) {
      const parent = units[3 * node + 1]!;
      points.unshift(upwards.points[node - units[3 * parent]!]!);
      node = parent;
    }
    return String.fromCodePoint(...points);
  };
}

/** The node at which each value stands, and the character of each code. */
function inverted({ units, codes }: Trie) {
  const values = units.filter((_, i) => i % 3 === 2);
  const ends = new Int32Array(values.reduce((a, b) => Math.max(a, b), -1) + 1);
  for (const [node, value] of values.entries()) if (value >= 0) ends[value] = node;
  const points: number[] = [];
  for (let point = 0; point < codePoints; point++) {
    const code = codes.cells[(codes.pages[point >>> 7]! << 7) | (point & 127)]!;
    if (code > 0) points[code] = point;
  }
  return { ends, points };
}

/** Empty strings are left out. */
export function writeTrie(write: SectionWriter, name: string, values: ReadonlyMap<string, number>) {
  const { codes, largest } = codesByFrequency(values.keys(), name);
  writePointTable(write, `${name}.codes`, codes);
  // As strings of codes, which sort natively.
  const keys: [string, number][] = [];
  for (const [text, value] of values)
    if (text) keys.push([String.fromCharCode(...Array.from(text, c => codes[c.codePointAt(0)!]!)), value]);
  keys.sort(([a], [b]) => (a < b ? -1 : 1));
  write(`${name}.units`, doubleArray(keys, largest));
}

/** Small codes for frequent characters keep the children of most nodes close together. */
function codesByFrequency(texts: Iterable<string>, name: string) {
  const counts = new Map<number, number>();
  for (const text of texts)
    for (const character of text) {
      const point = character.codePointAt(0)!;
      counts.set(point, (counts.get(point) ?? 0) + 1);
    }
  if (counts.size > 0xffff)
    throw new VeneerError(
      'invalid_artifact',
      `tokenizer.json: ${name} has ${counts.size} different characters, over 65535`,
    );
  const codes = new Uint16Array(codePoints);
  const ordered = [...counts].sort(([a, countA], [b, countB]) => countB - countA || a - b);
  for (const [index, [point]] of ordered.entries()) codes[point] = index + 1;
  return { codes, largest: ordered.length };
}

/** `keys` are sorted strings of codes. */
function doubleArray(keys: readonly [codes: string, value: number][], largestCode: number) {
  const cells = new FreeCells(largestCode + 2);
  cells.take(0);
  const units: number[] = [];
  const set = (node: number, parent: number) => {
    while (units.length <= 3 * node) units.push(0, -1, -1);
    units[3 * node + 1] = parent;
  };
  set(0, -1);
  const stack = [{ node: 0, depth: 0, from: 0, to: keys.length }];
  for (let item = stack.pop(); item; item = stack.pop()) {
    const { node, depth, to } = item;
    let from = item.from;
    if (from < to && keys[from]![0].length === depth) units[3 * node + 2] = keys[from++]![1];
    const children: { code: number; from: number; to: number }[] = [];
    for (; from < to; from++) {
      const code = keys[from]![0].charCodeAt(depth);
      const last = children.at(-1);
      if (last?.code === code) last.to = from + 1;
      else children.push({ code, from, to: from + 1 });
    }
    if (children.length === 0) continue;
    const base = cells.place(children.map(child => child.code));
    units[3 * node] = base;
    for (const child of children) {
      set(base + child.code, node);
      stack.push({ node: base + child.code, depth: depth + 1, from: child.from, to: child.to });
    }
  }
  // A walk from any node with any code stays inside.
  set(units.length / 3 + largestCode, -1);
  return Int32Array.from(units);
}

/** Free cells of the double array as a linked list in ascending order. */
class FreeCells {
  private next: number[] = [];
  private previous: number[] = [];
  private readonly taken: boolean[] = [];
  /** Where the search for several cells at once starts: most gaps before it are too small. */
  private hint = 0;
  private first = 0;
  private readonly margin: number;

  constructor(margin: number) {
    this.margin = margin;
    this.grow();
  }

  /** The smallest base found such that base + code is free for every code (ascending); takes those cells. */
  place(codes: readonly number[]) {
    const smallest = codes[0]!;
    let cell = codes.length > 1 && this.hint > this.first ? this.hint : this.first;
    while (this.taken[cell]) cell = this.next[cell]!;
    for (let tried = 0; ; cell = this.next[cell]!, tried++) {
      while (cell + this.margin >= this.taken.length) this.grow();
      if (cell < smallest) continue;
      const base = cell - smallest;
      if (codes.every(code => !this.taken[base + code])) {
        if (codes.length > 1 && tried > 32) this.hint = cell;
        for (const code of codes) this.take(base + code);
        return base;
      }
    }
  }

  take(cell: number) {
    const { next, previous } = this;
    this.taken[cell] = true;
    if (cell === this.first) this.first = next[cell]!;
    else next[previous[cell]!] = next[cell]!;
    previous[next[cell]!] = previous[cell]!;
  }

  private grow() {
    const { length } = this.taken;
    const target = Math.max(2 * length, 2 * this.margin, 1024);
    for (let cell = length; cell < target; cell++) {
      this.taken[cell] = false;
      this.next[cell] = cell + 1;
      // `take` has already set it where the cells just before are taken.
      this.previous[cell] ??= cell - 1;
    }
  }
}
