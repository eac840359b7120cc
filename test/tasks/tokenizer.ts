/** A tokenizer small enough to check by eye: one token a match of a pattern, ids from a table that grows. */
import type { Encoding, Tokenizer } from '../../functions/tokenizer/tokenizer.ts';

export const cls = 1;
export const sep = 2;

/** By default one token a run of visible characters. */
export function fakeTokenizer(pattern = /\S+/gu): Tokenizer {
  const ids = new Map<string, number>();
  const idOf = (token: string) => {
    if (!ids.has(token)) ids.set(token, 10 + ids.size);
    return ids.get(token)!;
  };
  return {
    encode(text) {
      const matches = [...text.matchAll(pattern)];
      return {
        ids: Int32Array.from(matches, match => idOf(match[0])),
        starts: Int32Array.from(matches, match => match.index),
        ends: Int32Array.from(matches, match => match.index + match[0].length),
        words: Int32Array.from(matches.keys()),
      };
    },
    padId: 0,
    unkId: 3,
    continuingPrefix: '',
    piece: id => [...ids].find(entry => entry[1] === id)?.[0] ?? '',
    single: [
      { special: cls, typeId: 0 },
      { sequence: 'A', typeId: 0 },
      { special: sep, typeId: 0 },
    ],
    pair: [
      { special: cls, typeId: 0 },
      { sequence: 'A', typeId: 0 },
      { special: sep, typeId: 0 },
      { sequence: 'B', typeId: 1 },
      { special: sep, typeId: 1 },
    ],
  };
}

/** `count` tokens of one character each, with ids from `firstId` on. */
export function tokens(count: number, firstId = 100): Encoding {
  return {
    ids: Int32Array.from({ length: count }, (_, i) => firstId + i),
    starts: Int32Array.from({ length: count }, (_, i) => i),
    ends: Int32Array.from({ length: count }, (_, i) => i + 1),
    words: Int32Array.from({ length: count }, (_, i) => i),
  };
}
