/**
 * Precompiled: SentencePiece's character map. The Rust library applies it to whole grapheme clusters under six UTF-8
 * bytes first and then to single characters, always by the shortest matching key; so do we, oddities included.
 */
import * as z from 'zod/mini';
import { Changes } from './changes.ts';
import type { Text } from './draft.ts';
import { graphemeEnd } from './graphemes.ts';
import { codePoints, readPointTable, writePointTable } from './point-table.ts';
import { parseSpec, unsupported } from './spec.ts';
import type { Rewrite, StageType } from './stage.ts';
import { readTrie, writeTrie } from './trie.ts';
import { property } from './unicode.ts';

const Spec = z.strictObject({ type: z.literal('Precompiled'), precompiled_charsmap: z.string() });

export const precompiled: StageType<Rewrite> = {
  compile(json, write) {
    const { precompiled_charsmap: charsmap } = parseSpec(Spec, json, 'normalizer');
    const keys = new Map<string, number>();
    const begins = [0];
    const points: number[] = [];
    for (const [key, text] of readCharsmap(Buffer.from(charsmap, 'base64'))) {
      keys.set(key, begins.length - 1);
      for (const character of text) points.push(character.codePointAt(0)!);
      begins.push(points.length);
    }
    writeTrie(write, 'keys', keys);
    write('begins', Int32Array.from(begins));
    write('points', Int32Array.from(points));
    const graphemes = new Uint8Array(codePoints);
    graphemes.set(property('graphemes'));
    writePointTable(write, 'graphemes', graphemes);
    return {};
  },

  open(_config, section) {
    const { units, codes } = readTrie(section, 'keys');
    const begins = section('i32', 'begins');
    const replacements = section('i32', 'points');
    const graphemes = readPointTable(section, 'u8', 'graphemes');
    const changes = new Changes();

    /** Index of the replacement of the shortest key that `points` starts with, or -1. */
    const find = (points: Int32Array, from: number, to: number) => {
      let node = 0;
      for (let i = from; i < to; i++) {
        const point = points[i]!;
        const next = units[3 * node]! + codes.cells[(codes.pages[point >>> 7]! << 7) | (point & 127)]!;
        if (units[3 * next + 1] !== node) return -1;
        if (units[3 * next + 2]! >= 0) return units[3 * next + 2]!;
        node = next;
      }
      return -1;
    };
    const substitute = (output: Text, found: number, oldLength: number) => {
      const from = begins[found]!;
      const to = begins[found + 1]!;
      for (let i = from; i < to; i++) changes.push(output, replacements[i]!, i - from < oldLength ? 0 : 1);
      // What is dropped counts to the character before it; at the very start of the text nothing is counted.
      if (to - from < oldLength && output.length > 0) changes.drop(output, oldLength - (to - from));
    };

    return draft => {
      const { points, length } = draft.text;
      const output = draft.blankText();
      output.reserve(length);
      let modified = false;
      for (let i = 0; i < length; ) {
        const plain = isPlain(points[i]!) && (i + 1 === length || points[i + 1]! < 0x80);
        const end = plain ? i + 1 : graphemeEnd(points, i, length, graphemes);
        if (end - i > 1 && isShort(points, i, end)) {
          const found = find(points, i, end);
          if (found >= 0) {
            substitute(output, found, end - i);
            modified = true;
            i = end;
            continue;
          }
        }
        for (; i < end; i++) {
          const found = find(points, i, i + 1);
          if (found < 0) changes.push(output, points[i]!, 0);
          else {
            substitute(output, found, 1);
            modified = true;
          }
        }
      }
      if (!modified) return;
      changes.align(draft.text, output);
      draft.swapText();
    };
  },
};

/** ASCII that is no control character: a cluster of its own before any other ASCII character. */
function isPlain(point: number) {
  return point >= 0x20 && point < 0x7f;
}

/** Under six bytes of UTF-8. */
function isShort(points: Int32Array, from: number, to: number) {
  let bytes = 0;
  for (let i = from; i < to && bytes < 6; i++) {
    const point = points[i]!;
    bytes += point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
  }
  return bytes < 6;
}

/**
 * Keys and replacements of a character map: u32 length of the trie, a Darts double array over UTF-8, and the
 * replacements, each ended by a zero byte (sentencepiece, src/normalizer.cc).
 */
function* readCharsmap(bytes: Buffer): Generator<[key: string, text: string]> {
  const trieBytes = bytes.length >= 4 ? bytes.readUInt32LE(0) : 0;
  if (trieBytes === 0 || trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length)
    throw unsupported('normalizer.precompiled_charsmap', 'it is cut short');
  const unit = (at: number) => (at < trieBytes / 4 ? bytes.readUInt32LE(4 + 4 * at) : 0xff);
  const offsetOf = (value: number) => ((value >>> 10) << ((value & 0x200) >>> 6)) >>> 0;
  const texts = bytes.subarray(4 + trieBytes);
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  const stack: { node: number; key: number[] }[] = [{ node: offsetOf(unit(0)), key: [] }];
  for (let item = stack.pop(); item; item = stack.pop()) {
    for (let byte = 1; byte < 256; byte++) {
      const child = (item.node ^ byte) >>> 0;
      const value = unit(child);
      if ((value & 0x800000ff) >>> 0 !== byte) continue;
      const node = (child ^ offsetOf(value)) >>> 0;
      const key = [...item.key, byte];
      if (key.length > 64) throw unsupported('normalizer.precompiled_charsmap', 'its trie has a loop');
      stack.push({ node, key });
      if (!((value >>> 8) & 1)) continue;
      const from = unit(node) & 0x7fffffff;
      const end = texts.indexOf(0, from);
      yield [
        decoder.decode(Uint8Array.from(key)),
        decoder.decode(texts.subarray(from, end < 0 ? undefined : end)),
      ];
    }
  }
}
