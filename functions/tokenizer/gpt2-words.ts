/**
 * The words that GPT-2 cuts text into: English contractions, runs of letters, of numbers and of anything else, each
 * with one space before it, and runs of white space (openai/gpt-2, src/encoder.py).
 */

import type { SectionReader, SectionWriter } from './format.ts';
import { codePoints, readPointTable, writePointTable } from './point-table.ts';
import { property } from './unicode.ts';

const letter = 1;
const number = 2;
const whitespace = 3;

const space = 0x20;
const apostrophe = 0x27;
const contractions = ["'s", "'t", "'re", "'ve", "'m", "'ll", "'d"].map(text =>
  Array.from(text, character => character.codePointAt(0)!),
);

export function writeWordClasses(write: SectionWriter) {
  const classes = new Uint8Array(codePoints);
  for (const [name, kind] of [
    ['letters', letter],
    ['numbers', number],
    ['whitespace', whitespace],
  ] as const)
    for (const [point, is] of property(name).entries()) if (is) classes[point] = kind;
  writePointTable(write, 'classes', classes);
}

/**
 * What the expression `'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+` matches.
 * @returns a function that gives the index after the word that starts at `from`
 */
export function openWords(section: SectionReader) {
  const { pages, cells } = readPointTable(section, 'u8', 'classes');
  const classOf = (point: number) => cells[(pages[point >>> 7]! << 7) | (point & 127)]!;

  return (points: Int32Array, from: number, to: number): number => {
    if (points[from] === apostrophe) {
      const end = contractionEnd(points, from, to);
      if (end > from) return end;
    }
    let kind = classOf(points[from]!);
    let end = from + 1;
    if (points[from] === space && end < to && classOf(points[end]!) !== whitespace)
      kind = classOf(points[end++]!);
    while (end < to && classOf(points[end]!) === kind) end++;
    // The last of several leaves its place to the word after it.
    return kind === whitespace && end < to && end - from > 1 ? end - 1 : end;
  };
}

function contractionEnd(points: Int32Array, from: number, to: number) {
  const found = contractions.find(
    ({ length }, index) =>
      from + length <= to && contractions[index]!.every((point, i) => points[from + i] === point),
  );
  return from + (found?.length ?? 0);
}
