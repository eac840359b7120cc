/**
 * NFC: canonical decomposition, order and composition, with the places that the Rust library gives to what it composed
 * (the first character's) and reordered (that of the n-th for the n-th).
 */
import * as z from 'zod/mini';
import { Changes } from './changes.ts';
import type { Text } from './draft.ts';
import { type PairTable, pairValue, readPairTable, writePairTable } from './pair-table.ts';
import { codePoints, readPointTable, writePointTable } from './point-table.ts';
import { parseSpec } from './spec.ts';
import type { Rewrite, StageType } from './stage.ts';
import { isSurrogate, property } from './unicode.ts';

const Spec = z.strictObject({ type: z.literal('NFC') });

/** A cell of the table: this where NFC may change the character or what is before it, and these two. */
const unstable = 1;
const classOf = (cell: number) => (cell >> 1) & 0xff;
/** Index of what the character decomposes into, 0 for nothing. */
const decompositionOf = (cell: number) => cell >> 9;

/** Unicode, section 3.12: syllables of a leading consonant, a vowel and perhaps a trailing consonant. */
const [syllables, leads, vowels, trails] = [0xac00, 0x1100, 0x1161, 0x11a7];
const [leadCount, vowelCount, trailCount] = [19, 21, 28];
const isSyllable = (point: number) =>
  point >= syllables && point < syllables + leadCount * vowelCount * trailCount;

export const nfc: StageType<Rewrite> = {
  compile(json, write) {
    parseSpec(Spec, json, 'normalizer');
    const [combining, decomposable] = [property('combining'), property('decomposable')];
    const cells = Int32Array.from(combining, value => (value << 1) | (value > 0 ? unstable : 0));
    const sequences: number[] = [0];
    const pairs: [left: number, right: number, whole: number][] = [];
    for (let point = 0; point < codePoints; point++) {
      if (!decomposable[point] || isSurrogate(point)) continue;
      // Neither a decomposition nor a composition ever changes, so any version of Unicode gives the same.
      const whole = String.fromCodePoint(point);
      const parts = Array.from(whole.normalize('NFD'), character => character.codePointAt(0)!);
      cells[point]! |= sequences.length << 9;
      sequences.push(parts.length, ...parts);
      if (whole.normalize('NFC') !== whole) cells[point]! |= unstable;
      else {
        const right = parts.pop()!;
        const left = String.fromCodePoint(...parts)
          .normalize('NFC')
          .codePointAt(0)!;
        pairs.push([left, right, point]);
      }
    }
    for (const [, right] of pairs) cells[right]! |= unstable;
    for (let i = 0; i < vowelCount; i++) cells[vowels + i]! |= unstable;
    for (let i = 1; i < trailCount; i++) cells[trails + i]! |= unstable;
    writePointTable(write, 'cells', cells);
    writePairTable(write, 'pairs', pairs);
    write('sequences', Int32Array.from(sequences));
    return {};
  },

  open(_config, section) {
    const { pages, cells } = readPointTable(section, 'i32', 'cells');
    const sequences = section('i32', 'sequences');
    const pairs = readPairTable(section, 'pairs');
    const changes = new Changes();
    const cellOf = (point: number) => cells[(pages[point >>> 7]! << 7) | (point & 127)]!;

    /** Calls `add` for each character of the decomposition, in canonical order. */
    const decompose = ({ points, length }: Text, add: (part: Part) => void) => {
      /** Nonstarters in a row. */
      let waiting: Part[] = [];
      const flush = () => {
        if (waiting.length > 1) waiting.sort((a, b) => a.combining - b.combining);
        for (const part of waiting) add(part);
        waiting = [];
      };
      const push = (point: number, change: number) => {
        const combining = classOf(cellOf(point));
        if (combining > 0) waiting.push({ point, change, combining });
        else {
          flush();
          add({ point, change, combining });
        }
      };
      for (let i = 0; i < length; i++) {
        const point = points[i]!;
        const at = decompositionOf(cellOf(point));
        if (isSyllable(point))
          for (const [index, jamo] of jamoOf(point).entries()) push(jamo, index > 0 ? 1 : 0);
        else if (at === 0) push(point, 0);
        else for (let k = 1; k <= sequences[at]!; k++) push(sequences[at + k]!, k > 1 ? 1 : 0);
      }
      flush();
    };

    return draft => {
      const { points, length } = draft.text;
      let stable = true;
      for (let i = 0; i < length && stable; i++) stable = (cellOf(points[i]!) & unstable) === 0;
      if (stable) return;
      const output = draft.blankText();
      output.reserve(length);
      /** What the next may be composed with, and the nonstarters after it that were not. */
      let starter: Part | undefined;
      let rest: Part[] = [];
      const flush = () => {
        if (starter) changes.push(output, starter.point, starter.change);
        for (const { point, change } of rest) changes.push(output, point, change);
        rest = [];
      };
      decompose(draft.text, part => {
        const { point, change, combining } = part;
        const blocked = rest.length > 0 && rest.at(-1)!.combining >= combining;
        const whole = starter && !blocked ? compose(pairs, starter.point, point) : -1;
        if (starter && whole >= 0)
          starter = { point: whole, change: starter.change + change - 1, combining: 0 };
        else if (combining > 0 && starter) rest.push(part);
        else if (combining > 0) changes.push(output, point, change);
        else {
          flush();
          starter = part;
        }
      });
      flush();
      changes.align(draft.text, output);
      draft.swapText();
    };
  },
};

interface Part {
  point: number;
  /** See Changes. */
  change: number;
  combining: number;
}

function jamoOf(syllable: number) {
  const index = syllable - syllables;
  const trail = index % trailCount;
  const jamo = [
    leads + Math.floor(index / (vowelCount * trailCount)),
    vowels + Math.floor((index % (vowelCount * trailCount)) / trailCount),
  ];
  return trail > 0 ? [...jamo, trails + trail] : jamo;
}

/** The character that two are together, or -1. */
function compose(pairs: PairTable, left: number, right: number) {
  const [lead, vowel, trail] = [left - leads, right - vowels, right - trails];
  if (lead >= 0 && lead < leadCount && vowel >= 0 && vowel < vowelCount)
    return syllables + (lead * vowelCount + vowel) * trailCount;
  if (isSyllable(left) && (left - syllables) % trailCount === 0 && trail > 0 && trail < trailCount)
    return left + trail;
  return pairValue(pairs, left, right);
}
