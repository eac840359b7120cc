/**
 * Prompt tuning (https://arxiv.org/abs/2104.08691): trained vectors stand before the embedded words of every row, as tokens
 * that attention sees and that take positions.
 */
import * as z from 'zod';
import { VirtualSettings } from '../../functions/artifacts/manifests.ts';
import { virtualName } from '../../functions/artifacts/modules.ts';
import type { Graph } from '../graph/graph.ts';
import { product } from '../graph/shape.ts';
import type { Value } from '../graph/value.ts';
import { familyOf } from '../models/families.ts';
import { tableRows } from '../table-rows.ts';
import type { Method } from './method.ts';
import { unmerged } from './unmerged.ts';

export const PromptSpec = z.object({ ...VirtualSettings.shape, name: z.literal('prompt') });
export type PromptSpec = z.infer<typeof PromptSpec>;

/** Embedded words [B, S, width] with vectors [K, width] in the places, counted through the batch, that `prompt_places` says. */
export function promptedWords(g: Graph, words: Value, vectors: Value): Value {
  const places = g.input('prompt_places', [vectors.shape[0]!], 'int32');
  const flat = g.reshape(words, [product(words.shape.slice(0, -1)), words.shape.at(-1)!]);
  return g.reshape(g.replaceRows(flat, places, vectors), words.shape);
}

export const prompt: Method<PromptSpec> = {
  flags: ['promptTokens'],
  spec: ({ promptTokens: tokens = 20 }) => ({ name: 'prompt', tokens }),
  learningRate: 3e-3,
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
          return tableRows(table, words, width);
        },
      },
      decay: false,
    },
  ],
  adapt: ({ g, spec: { tokens }, parameters }, frozen) => ({
    ...frozen,
    lookup: table => {
      const found = frozen.lookup(table);
      if (table.role !== 'table') return found;
      const each = g.expand(parameters.get(virtualName)!, ['B', tokens, table.width]);
      return promptedWords(g, found, g.reshape(each, [product(['B', tokens]), table.width]));
    },
  }),
  merge: unmerged('prompt'),
};
