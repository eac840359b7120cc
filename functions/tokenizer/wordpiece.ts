/** WordPiece: the longest piece that a word starts with, then the longest that continues it, or unknown as a whole. */
import * as z from 'zod/mini';
import type { SectionReader } from './format.ts';
import { parseSpec, unsupported, Vocabulary } from './spec.ts';
import type { Model, ModelType } from './stage.ts';
import { nodeOf, readTrie, stringsOf, writeTrie } from './trie.ts';

const Spec = z.strictObject({
  type: z.literal('WordPiece'),
  unk_token: z.string(),
  continuing_subword_prefix: z.string(),
  max_input_chars_per_word: z.int().check(z.nonnegative()),
  vocab: Vocabulary,
});

interface Config {
  unkId: number;
  prefix: string;
  maxCharacters: number;
}

export const wordPiece: ModelType = {
  vocabulary(json) {
    const ids = parseSpec(Spec, json, 'model').vocab;
    return { ids, size: ids.size };
  },
  compile(json, write): Config {
    const spec = parseSpec(Spec, json, 'model');
    const unkId = spec.vocab.get(spec.unk_token);
    if (unkId === undefined)
      throw unsupported('model.unk_token', `${JSON.stringify(spec.unk_token)} is not in the vocabulary`);
    writeTrie(write, 'pieces', spec.vocab);
    return { unkId, prefix: spec.continuing_subword_prefix, maxCharacters: spec.max_input_chars_per_word };
  },
  open: (config: Config, section) => openWordPiece(config, section),
};

function openWordPiece({ unkId, prefix, maxCharacters }: Config, section: SectionReader): Model {
  const trie = readTrie(section, 'pieces');
  const { units } = trie;
  const { pages, cells } = trie.codes;
  const continuation = nodeOf(trie, prefix);
  return {
    unkId,
    continuingPrefix: prefix,
    piece: stringsOf(trie),
    tokenize(text, from, to, tokens) {
      const { points } = text;
      const before = tokens.length;
      let start = to - from > maxCharacters ? -1 : from;
      while (start >= 0 && start < to) {
        let node = start === from ? 0 : continuation;
        let id = -1;
        let end = start;
        for (let i = start; i < to && node >= 0; i++) {
          const point = points[i]!;
          const next = units[3 * node]! + cells[(pages[point >>> 7]! << 7) | (point & 127)]!;
          if (units[3 * next + 1] !== node) break;
          node = next;
          const value = units[3 * node + 2]!;
          if (value >= 0) {
            id = value;
            end = i + 1;
          }
        }
        if (id >= 0) tokens.push(id, text, start, end);
        start = id >= 0 ? end : -1;
      }
      if (start >= 0) return;
      tokens.length = before;
      tokens.pushWhole(unkId, text.starts[from]!, text.ends[to - 1]!);
    },
  };
}
