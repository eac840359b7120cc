/**
 * BertNormalizer: clean text, spaces around ideographs, canonical decomposition without accents, lower case. What
 * becomes of each character is worked out at compile time into one cell of a table.
 */
import * as z from 'zod/mini';
import type { Text } from './draft.ts';
import type { SectionReader } from './format.ts';
import { codePoints, readPointTable, writePointTable } from './point-table.ts';
import { parseSpec } from './spec.ts';
import type { Rewrite, StageType } from './stage.ts';
import { isSurrogate, property } from './unicode.ts';

const Spec = z.strictObject({
  type: z.literal('BertNormalizer'),
  clean_text: z.boolean(),
  handle_chinese_chars: z.boolean(),
  strip_accents: z.nullable(z.boolean()),
  lowercase: z.boolean(),
});

/** Low three bits of a cell; the rest is a code point (mapped, spaced; 0: itself) or an index (sequence). */
const kept = 0;
const mapped = 1;
const dropped = 2;
const spaced = 3;
const syllable = 4;
const sequence = 5;

const space = 0x20;
const dottedCapitalI = 0x130;

/** An element of a sequence: code point, combining class << 21, and these flags. */
const isMark = 1 << 29;
/** Not the first of what a character decomposes into. */
const isRest = 1 << 30;
const pointOf = (item: number) => item & 0x1fffff;
const classOf = (item: number) => (item >>> 21) & 0xff;

export const bertNormalizer: StageType<Rewrite> = {
  compile(json, write) {
    const spec = parseSpec(Spec, json, 'normalizer');
    const strip = spec.strip_accents ?? spec.lowercase;
    const [removed, whitespace, ideographs] = [
      property('removed'),
      property('whitespace'),
      property('ideographs'),
    ];
    const [marks, combining] = [property('marks'), property('combining')];
    const [decomposable, lowercase] = [property('decomposable'), property('lowercase')];
    const lower = (point: number) => (spec.lowercase ? point + lowercase[point]! : point);
    const cells = new Int32Array(codePoints);
    const sequences: number[] = [];

    const addSequence = (points: readonly number[], ordered: boolean) => {
      sequences.push(points.length);
      for (const [index, point] of points.entries())
        sequences.push(
          lower(point) |
            (ordered ? combining[point]! << 21 : 0) |
            (ordered && marks[point] ? isMark : 0) |
            (index > 0 ? isRest : 0),
        );
      return sequence | ((sequences.length - points.length - 1) << 3);
    };
    const cell = (original: number) => {
      if (spec.clean_text && removed[original]) return dropped;
      const point = spec.clean_text && whitespace[original] ? space : original;
      const kind = spec.handle_chinese_chars && ideographs[point] ? spaced : mapped;
      if (point === dottedCapitalI && spec.lowercase && !strip) return addSequence([0x69, 0x307], false);
      if (strip && point >= 0xac00 && point < 0xd7a4) return syllable;
      // Decompositions never change once a character has one, so any version of Unicode gives the same.
      const points =
        strip && decomposable[point]
          ? Array.from(String.fromCodePoint(point).normalize('NFD'), c => c.codePointAt(0)!)
          : [point];
      const [base] = points as [number];
      const simple =
        !strip || (!marks[base] && !combining[base] && points.every((p, i) => i === 0 || marks[p]));
      if (!simple) return addSequence(points, true);
      if (lower(base) === original) return kind === spaced ? spaced : kept;
      return kind | (lower(base) << 3);
    };
    for (let point = 0; point < codePoints; point++) if (!isSurrogate(point)) cells[point] = cell(point);
    writePointTable(write, 'cells', cells);
    write('sequences', Int32Array.from(sequences));
    return {};
  },
  open: (_config, section) => openNormalizer(section),
};

function openNormalizer(section: SectionReader): Rewrite {
  const { pages, cells } = readPointTable(section, 'i32', 'cells');
  const sequences = section('i32', 'sequences');
  const run = new Nonstarters();

  return draft => {
    const { points, starts, ends, length } = draft.text;
    const output = draft.blankText();
    output.reserve(length);
    for (let i = 0; i < length; i++) {
      const point = points[i]!;
      const cell = cells[(pages[point >>> 7]! << 7) | (point & 127)]!;
      const kind = cell & 7;
      if (kind === dropped) continue;
      const start = starts[i]!;
      const end = ends[i]!;
      if (kind === sequence) {
        const first = (cell >> 3) + 1;
        const last = first + sequences[cell >> 3]!;
        for (let at = first; at < last; at++) addItem(sequences[at]!, start, end, output, run);
        continue;
      }
      if (run.length > 0) run.flush(output);
      if (kind === kept) output.push(point, start, end);
      else if (kind === mapped) output.push(cell >> 3, start, end);
      else if (kind === spaced) {
        output.push(space, start, end);
        output.push(cell >> 3 || point, start, end);
        output.push(space, start, end);
      } else decomposeSyllable(point, start, end, output);
    }
    run.flush(output);
    draft.swapText();
  };
}

function addItem(item: number, start: number, end: number, output: Text, run: Nonstarters) {
  if (classOf(item) > 0) {
    run.add(item, start, end);
    return;
  }
  run.flush(output);
  if (!(item & isMark)) output.push(pointOf(item), start, end);
}

/** Unicode, section 3.12: the jamo of a Hangul syllable. */
function decomposeSyllable(point: number, start: number, end: number, output: Text) {
  const index = point - 0xac00;
  output.push(0x1100 + Math.floor(index / 588), start, end);
  output.push(0x1161 + Math.floor((index % 588) / 28), start, end);
  if (index % 28 > 0) output.push(0x11a7 + (index % 28), start, end);
}

/**
 * Nonstarters in a row, brought into canonical order. The Rust library keeps the *places* of the original characters
 * in their order while it reorders what stands there, and so do we: the n-th one takes the n-th place.
 */
class Nonstarters {
  length = 0;
  private items: number[] = [];
  private starts: number[] = [];
  private ends: number[] = [];

  add(item: number, start: number, end: number) {
    this.items.push(item);
    this.starts.push(start);
    this.ends.push(end);
    this.length++;
  }

  /** Writes all but marks to `output` and empties itself. */
  flush(output: Text) {
    if (this.length === 0) return;
    const { items, starts, ends } = this;
    const places = items.flatMap((item, index) => (item & isRest ? [] : [index]));
    // A rest at the front shares the place of the starter it was decomposed from, which is its own.
    let place = 0;
    let next = 0;
    for (const item of items.toSorted((a, b) => classOf(a) - classOf(b))) {
      if (!(item & isRest)) place = places[next++]!;
      if (!(item & isMark)) output.push(pointOf(item), starts[place]!, ends[place]!);
    }
    this.items = [];
    this.starts = [];
    this.ends = [];
    this.length = 0;
  }
}
