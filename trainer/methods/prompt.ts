/**
 * Prompt tuning (https://arxiv.org/abs/2104.08691): trained vectors stand before the embedded words of every row, as tokens
 * that attention sees and that take positions.
 */
import * as z from 'zod';
import { VirtualSettings } from '../../functions/artifacts/manifests.ts';
import { virtualName } from '../../functions/artifacts/modules.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import { familyOf } from '../models/families.ts';
import type { Method } from './method.ts';
import { unmerged } from './unmerged.ts';

export const PromptSpec = VirtualSettings.extend({ name: z.literal('prompt') });
export type PromptSpec = z.infer<typeof PromptSpec>;

/**
 * Embedded words [B, S, width] with vectors of prompts in some places: by `prompt_slots`, rows of `vectors`, whose first
 * is zeros, where `prompt_keep` is 0 (functions/engine/batch.ts).
 */
export function promptedWords(g: Graph, words: Value, vectors: Value): Value {
  const slots = g.input('prompt_slots', ['B', 'S'], 'int32');
  return g.add(g.mul(words, g.input('prompt_keep', ['B', 'S', 1])), g.gather(vectors, slots));
}

export const prompt: Method<PromptSpec> = {
  flags: ['promptTokens'],
  spec: ({ promptTokens: tokens = 20 }) => ({ name: 'prompt', tokens }),
  learningRate: 3e-2,
  overRounded: true,
  unserved: null,
  // Begins with words drawn from the vocabulary: noise is no word, and attention learns little of it.
  parameters: ({ family, hiddenSize, embeddingSize: width = hiddenSize, vocabularySize }, { tokens }) => [
    {
      name: virtualName,
      shape: [tokens, width],
      init: {
        base: familyOf(family).largeTables[0]!,
        of: (table, draw) => {
          const words = Array.from({ length: tokens }, (_, i) => Math.floor(draw(i) * vocabularySize));
          return Float32Array.from(
            { length: tokens * width },
            (_, i) => table[words[Math.floor(i / width)]! * width + (i % width)]!,
          );
        },
      },
      decay: false,
    },
  ],
  adapt: ({ g, config: { hiddenSize, embeddingSize: width = hiddenSize }, parameters }, frozen) => ({
    ...frozen,
    lookup: table => {
      const found = frozen.lookup(table);
      if (table.role !== 'table') return found;
      const zeros = g.expand(g.constant([0], [1, 1]), [1, width]);
      return promptedWords(g, found, g.concat([zeros, parameters.get(virtualName)!], 0));
    },
  }),
  merge: unmerged('prompt'),
};
