/**
 * Byte-pair encoding: a word starts as its single characters, and of all neighbours that have a merge those with the
 * earliest are joined, leftmost first, until none is left.
 */
import * as z from 'zod/mini';
import { bpePieces } from './bpe-pieces.ts';
import { byteLetters } from './byte-level.ts';
import type { Text } from './draft.ts';
import type { SectionReader } from './format.ts';
import { writePairTable } from './pair-table.ts';
import { codePoints, readPointTable, writePointTable } from './point-table.ts';
import { parseSpec, unsupported, Vocabulary } from './spec.ts';
import type { Model, ModelType } from './stage.ts';
import { readMerges, Symbols } from './symbols.ts';
import { readTrie, stringsOf, trieValue, writeTrie } from './trie.ts';
import { WordCache } from './word-cache.ts';

const Unknown = z.looseObject({ unk_token: z.nullish(z.string()) });
const Spec = z.strictObject({
  type: z.literal('BPE'),
  dropout: z.nullish(z.literal(0)),
  unk_token: z.nullish(z.string()),
  continuing_subword_prefix: z.nullish(z.literal('')),
  end_of_word_suffix: z.nullish(z.literal('')),
  fuse_unk: z.nullish(z.boolean()),
  byte_fallback: z.nullish(z.literal(false)),
  ignore_merges: z.nullish(z.boolean()),
  vocab: Vocabulary,
  merges: z.array(z.union([z.string(), z.tuple([z.string(), z.string()])])),
});

interface Config {
  /** -1 where the vocabulary has none: then it has every byte. */
  unkId: number;
  fuseUnknown: boolean;
  /** A word that is a piece is one token, whatever the merges make of it. */
  wholeWords: boolean;
}

/** A rank and a place in the word share the 53 bits of a float64 (symbols.ts). */
const mostMerges = 2 ** 20;

/** Room for words over this many characters is let go after them. */
const keptCharacters = 1 << 16;

/** Bytes that no UTF-8 has. */
const isImpossible = (byte: number) => byte === 0xc0 || byte === 0xc1 || byte > 0xf4;

export const bpe: ModelType = {
  /** Without ByteLevel there are characters that are no piece. */
  lastPreTokenizer: json => (parseSpec(Unknown, json, 'model').unk_token == null ? 'ByteLevel' : undefined),

  vocabulary(json) {
    const ids = parseSpec(Spec, json, 'model').vocab;
    return { ids, size: ids.size };
  },

  compile(json, write): Config {
    const spec = parseSpec(Spec, json, 'model');
    const ids = spec.vocab;
    const unkId = spec.unk_token == null ? -1 : ids.get(spec.unk_token);
    if (unkId === undefined)
      throw unsupported('model.unk_token', `${JSON.stringify(spec.unk_token)} is not in the vocabulary`);
    const lacked = byteLetters.findIndex(
      (letter, byte) => !isImpossible(byte) && !ids.has(String.fromCodePoint(letter)),
    );
    if (unkId < 0 && lacked >= 0)
      throw unsupported(
        'model.unk_token',
        `it is null, and the vocabulary has no letter for byte 0x${lacked.toString(16)}`,
      );
    if (spec.merges.length > mostMerges)
      throw unsupported('model.merges', `there are ${spec.merges.length}, over ${mostMerges}`);

    const characters = new Int32Array(codePoints).fill(unkId);
    for (const [piece, id] of ids) {
      const point = piece.codePointAt(0);
      if (point !== undefined && piece.length === (point > 0xffff ? 2 : 1)) characters[point] = id;
    }
    writePointTable(write, 'characters', characters);
    const idOf = (piece: string, index: number) => {
      const id = ids.get(piece);
      if (id === undefined)
        throw unsupported(`model.merges.${index}`, `${JSON.stringify(piece)} is not in the vocabulary`);
      return id;
    };
    const merges = spec.merges
      // A heading that came over from merges.txt; the Rust library leaves it out as well.
      .filter(merge => typeof merge !== 'string' || !merge.startsWith('#version'))
      .map(pairOf);
    const pairs = merges.map(([left, right], rank) => [idOf(left, rank), idOf(right, rank), rank] as const);
    writePairTable(write, 'merges', pairs);
    write(
      'merged',
      Int32Array.from(merges, ([left, right], rank) => idOf(left + right, rank)),
    );
    const wholeWords = spec.ignore_merges ?? false;
    if (wholeWords) writeTrie(write, 'pieces', ids);
    return { unkId, fuseUnknown: spec.fuse_unk ?? false, wholeWords };
  },

  open: (config: Config, section) => openBpe(config, section),
};

function pairOf(merge: string | [string, string], index: number): [string, string] {
  if (typeof merge !== 'string') return merge;
  const parts = merge.split(' ');
  if (parts.length !== 2)
    throw unsupported(`model.merges.${index}`, `${JSON.stringify(merge)} is not two pieces and a space`);
  return parts as [string, string];
}

function openBpe({ unkId, fuseUnknown, wholeWords }: Config, section: SectionReader): Model {
  const characters = readPointTable(section, 'i32', 'characters');
  const { pages, cells } = characters;
  const merges = readMerges(section);
  const pieces = wholeWords ? readTrie(section, 'pieces') : undefined;
  const cache = new WordCache();
  let symbols = new Symbols(256);

  /** Begins with a symbol for each character. */
  const fill = ({ points }: Text, from: number, to: number) => {
    const { ids, ends } = symbols;
    let count = 0;
    for (let i = from; i < to; i++) {
      const point = points[i]!;
      const id = cells[(pages[point >>> 7]! << 7) | (point & 127)]!;
      if (fuseUnknown && id === unkId && count > 0 && ids[count - 1] === unkId) count--;
      ids[count] = id;
      ends[count++] = i + 1 - from;
    }
    return count;
  };

  return {
    unkId,
    continuingPrefix: '',
    piece: pieces ? stringsOf(pieces) : bpePieces(characters, merges, unkId),
    tokenize(text, from, to, tokens) {
      const { points } = text;
      const whole = pieces ? trieValue(pieces, points, { from, to }) : -1;
      if (whole >= 0) {
        tokens.push(whole, text, from, to);
        return;
      }
      if (to - from > symbols.ids.length) symbols = new Symbols(2 * (to - from));
      const { ids, ends } = symbols;
      const word = { from, to, ids, ends };
      let count = cache.read(points, word);
      if (count < 0) {
        count = symbols.merge(fill(text, from, to), merges);
        cache.write(points, word, count);
      }
      for (let i = 0, start = from; i < count; i++) {
        const id = ids[i]!;
        const end = from + ends[i]!;
        if (id === unkId) tokens.pushWhole(id, text.starts[start]!, text.ends[end - 1]!);
        else tokens.push(id, text, start, end);
        start = end;
      }
      if (ids.length > keptCharacters) symbols = new Symbols(256);
    },
  };
}
