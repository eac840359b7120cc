/** Parameters of a request in our own shape; each task admits its own. What a pipeline shares with them is here too. */
import { z } from '@hono/zod-openapi';
import { offsetEncodings } from '../offsets.ts';

export const parameter = {
  offset_encoding: z
    .enum(offsetEncodings)
    .optional()
    .openapi({ description: 'What `start` and `end` count. Left out: code_points.' }),
  threshold: z.number().min(0).max(1).openapi({
    description:
      'Multi-label: the score from which a label is given. Left out: what the adapter was trained with.',
  }),
  top_k: z.int().min(1).max(1000),
  max_answer_tokens: z.int().min(1).max(512),
  no_answer: z.boolean().optional().openapi({
    description: 'Whether "none" may be the answer. Left out: whether the adapter was trained for it.',
  }),
};

const Parameters = z.object(parameter).partial();
/** Parameters of all tasks together. */
export type Parameters = z.infer<typeof Parameters>;
