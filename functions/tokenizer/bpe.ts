/**
 * Byte-pair encoding: a word starts as its single characters, and of all neighbours that have a merge those with the
 * earliest are joined, leftmost first, until none is left.
 */
import * as z from 'zod';
import { byteLetters } from './byte-level.ts';
import type { Text } from './draft.ts';
import type { SectionReader } from './format.ts';
import { MinHeap } from './min-heap.ts';
import { pairValue, readPairTable, writePairTable } from './pair-table.ts';
import { codePoints, readPointTable, writePointTable } from './point-table.ts';
import { parseSpec, unsupported, Vocabulary } from './spec.ts';
import type { Model, ModelType } from './stage.ts';
import { readTrie, trieValue, writeTrie } from './trie.ts';
import { WordCache } from './word-cache.ts';

const Unknown = z.looseObject({ unk_token: z.string().nullish() });
const Spec = z.strictObject({
  type: z.literal('BPE'),
  dropout: z.literal(0).nullish(),
  unk_token: z.string().nullish(),
  continuing_subword_prefix: z.literal('').nullish(),
  end_of_word_suffix: z.literal('').nullish(),
  fuse_unk: z.boolean().nullish(),
  byte_fallback: z.literal(false).nullish(),
  ignore_merges: z.boolean().nullish(),
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

/** A merge in the queue is rank * this + place. */
const places = 2 ** 32;
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
    const merges = spec.merges.map((merge, index) => pairOf(merge, index));
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

/** Symbols of one word as a linked list, and the merges that its neighbours have. */
interface Room {
  ids: Int32Array;
  /** One past the symbol's last character, from the start of the word. */
  ends: Int32Array;
  next: Int32Array;
  previous: Int32Array;
  queue: MinHeap;
}

function roomFor(characters: number): Room {
  const array = () => new Int32Array(characters);
  return {
    ids: array(),
    ends: array(),
    next: array(),
    previous: array(),
    queue: new MinHeap(2 * characters),
  };
}

function openBpe({ unkId, fuseUnknown, wholeWords }: Config, section: SectionReader): Model {
  const { pages, cells } = readPointTable(section, 'i32', 'characters');
  const table = readPairTable(section, 'merges');
  const merged = section('i32', 'merged');
  const pieces = wholeWords ? readTrie(section, 'pieces') : undefined;
  const cache = new WordCache();
  let room = roomFor(256);

  /** Begins with a symbol for each character. */
  const fill = ({ points }: Text, from: number, to: number) => {
    const { ids, ends } = room;
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

  /** Joins until no merge is left, and moves the symbols that remain to the front. */
  const merge = (length: number) => {
    const { ids, ends, next, previous, queue } = room;
    const offer = (at: number, right: number) => {
      const rank = pairValue(table, ids[at]!, ids[right]!);
      if (rank >= 0) queue.push(rank * places + at);
    };
    for (let i = 0; i < length; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
      if (i + 1 < length) offer(i, i + 1);
    }
    while (queue.length > 0) {
      const key = queue.pop();
      const rank = Math.floor(key / places);
      const at = key - rank * places;
      const right = next[at]!;
      // Since this was queued, either of them may have become part of another.
      if (ids[at]! < 0 || right >= length) continue;
      const current = pairValue(table, ids[at]!, ids[right]!);
      if (current < 0 || merged[current] !== merged[rank]) continue;
      const after = next[right]!;
      ids[at] = merged[rank]!;
      ends[at] = ends[right]!;
      next[at] = after;
      ids[right] = -1;
      if (previous[at]! >= 0) offer(previous[at]!, at);
      if (after < length) {
        previous[after] = at;
        offer(at, after);
      }
    }
    let count = 0;
    for (let at = 0; at < length; at = next[at]!) {
      ids[count] = ids[at]!;
      ends[count++] = ends[at]!;
    }
    return count;
  };

  return {
    unkId,
    tokenize(text, from, to, tokens) {
      const { points } = text;
      const whole = pieces ? trieValue(pieces, points, { from, to }) : -1;
      if (whole >= 0) {
        tokens.push(whole, text, from, to);
        return;
      }
      if (to - from > room.ids.length) room = roomFor(2 * (to - from));
      const word = { from, to, ids: room.ids, ends: room.ends };
      let count = cache.read(points, word);
      if (count < 0) {
        count = merge(fill(text, from, to));
        cache.write(points, word, count);
      }
      for (let i = 0, start = from; i < count; i++) {
        const id = room.ids[i]!;
        const end = from + room.ends[i]!;
        if (id === unkId) tokens.pushWhole(id, text.starts[start]!, text.ends[end - 1]!);
        else tokens.push(id, text, start, end);
        start = end;
      }
      if (room.ids.length > keptCharacters) room = roomFor(256);
    },
  };
}
