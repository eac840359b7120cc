/** Unigram: of all ways to cut a word into pieces, the one with the highest sum of scores (Viterbi, float64). */
import * as z from 'zod/mini';
import type { SectionReader } from './format.ts';
import { parseSpec, unsupported } from './spec.ts';
import type { Model, ModelType } from './stage.ts';
import { readTrie, stringsOf, trieValue, writeTrie } from './trie.ts';

/** A character that is no piece costs this much more than the worst piece. */
const unknownPenalty = 10;

const Spec = z.strictObject({
  type: z.literal('Unigram'),
  unk_id: z.int().check(z.nonnegative()),
  byte_fallback: z.optional(z.literal(false)),
  vocab: z.array(z.tuple([z.string(), z.number()])).check(z.minLength(1)),
});

interface Config {
  unkId: number;
  /** Score of a character that is no piece. */
  unknownScore: number;
}

export const unigram: ModelType = {
  vocabulary(json) {
    const { vocab } = parseSpec(Spec, json, 'model');
    return { ids: new Map(vocab.map(([piece], id) => [piece, id])), size: vocab.length };
  },
  compile(json, write): Config {
    const { vocab, unk_id: unkId } = parseSpec(Spec, json, 'model');
    if (unkId >= vocab.length) throw unsupported('model.unk_id', 'it is not in the vocabulary');
    writeTrie(write, 'pieces', new Map(vocab.map(([piece], id) => [piece, id])));
    write(
      'scores',
      Float64Array.from(vocab, ([, score]) => score),
    );
    const worst = vocab.reduce((score, piece) => Math.min(score, piece[1]), Number.POSITIVE_INFINITY);
    return { unkId, unknownScore: worst - unknownPenalty };
  },
  open: (config: Config, section) => openUnigram(config, section),
};

function openUnigram({ unkId, unknownScore }: Config, section: SectionReader): Model {
  const trie = readTrie(section, 'pieces');
  const { units } = trie;
  const { pages, cells } = trie.codes;
  const scores = section('f64', 'scores');
  let capacity = 0;
  // Of the best path to each place in the word: its score, where its last piece starts, and that piece.
  let bestScores = new Float64Array(0);
  let bestStarts = new Int32Array(0);
  let bestIds = new Int32Array(0);
  let wordCodes = new Int32Array(0);

  return {
    unkId,
    continuingPrefix: '',
    piece: stringsOf(trie),
    tokenize(text, from, to, tokens) {
      const length = to - from;
      if (length >= capacity) {
        capacity = 2 * length + 64;
        bestScores = new Float64Array(capacity);
        bestStarts = new Int32Array(capacity);
        bestIds = new Int32Array(capacity);
        wordCodes = new Int32Array(capacity);
      }
      const { points } = text;
      bestScores[0] = 0;
      for (let i = 0; i < length; i++) {
        const point = points[from + i]!;
        wordCodes[i] = cells[(pages[point >>> 7]! << 7) | (point & 127)]!;
        bestStarts[i + 1] = -1;
      }

      for (let start = 0; start < length; start++) {
        const here = bestScores[start]!;
        let node = 0;
        let single = false;
        for (let i = start; i < length; i++) {
          const next = units[3 * node]! + wordCodes[i]!;
          if (units[3 * next + 1] !== node) break;
          node = next;
          const id = units[3 * node + 2]!;
          if (id < 0) continue;
          const score = scores[id]! + here;
          if (bestStarts[i + 1]! < 0 || score > bestScores[i + 1]!) {
            bestScores[i + 1] = score;
            bestStarts[i + 1] = start;
            bestIds[i + 1] = id;
          }
          if (i === start) single = true;
        }
        if (single) continue;
        const score = unknownScore + here;
        if (bestStarts[start + 1]! < 0 || score > bestScores[start + 1]!) {
          bestScores[start + 1] = score;
          bestStarts[start + 1] = start;
          bestIds[start + 1] = unkId;
        }
      }

      // Backwards along the best path; `bestStarts` is turned into the list of ends, from the back of the array.
      let list = length;
      for (let end = length; end > 0; ) {
        const unknown = bestIds[end] === unkId;
        let start = bestStarts[end]!;
        while (unknown && start > 0 && bestIds[start] === unkId) start = bestStarts[start]!;
        bestIds[list] = bestIds[end]!;
        bestStarts[list--] = end;
        end = start;
      }
      let start = 0;
      for (let at = list + 1; at <= length; at++) {
        const end = bestStarts[at]!;
        const id = bestIds[at]!;
        const fused =
          id === unkId && end - start > 1
            ? trieValue(trie, points, { from: from + start, to: from + end })
            : id;
        tokens.push(fused < 0 ? unkId : fused, text, from + start, from + end);
        start = end;
      }
    },
  };
}
