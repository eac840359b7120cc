/** Parameters of a request. Each task admits its own; Hugging Face's names are translated into ours. */
import { z } from '@hono/zod-openapi';
import { offsetEncodings } from '../offsets.ts';

const topK = z.int().min(1).max(1000);
const maxAnswerTokens = z.int().min(1).max(512);

export const parameter = {
  offset_encoding: z
    .enum(offsetEncodings)
    .optional()
    .openapi({ description: 'What `start` and `end` count. Left out: code_points.' }),
  top_k: topK.optional(),
  max_answer_tokens: maxAnswerTokens
    .optional()
    .openapi({ description: 'Tokens of an answer at most. Left out: 30.' }),
  no_answer: z.boolean().optional().openapi({
    description: 'Whether "none" may be the answer. Left out: whether the adapter was trained for it.',
  }),
};

const Parameters = z.object(parameter);
/** Parameters of all tasks together. */
export type Parameters = z.infer<typeof Parameters>;

/** Hugging Face's pipelines have more; those that only tune how a text is cut into windows are passed over. */
export const HuggingFaceParameters = z
  .looseObject({
    top_k: topK.nullish(),
    max_answer_len: maxAnswerTokens.nullish(),
    handle_impossible_answer: z.boolean().nullish(),
    function_to_apply: z
      .literal('softmax', 'scores are always a softmax over the labels: leave it out')
      .nullish(),
    aggregation_strategy: z
      .enum(['simple', 'first', 'average', 'max'], 'words are always joined into entities: use simple')
      .nullish(),
  })
  .transform(
    (given): Parameters => ({
      top_k: given.top_k ?? undefined,
      max_answer_tokens: given.max_answer_len ?? undefined,
      no_answer: given.handle_impossible_answer ?? undefined,
    }),
  );
