/** Text classification over HTTP. */
import { z } from '@hono/zod-openapi';
import { type ClassificationInput, classification, type ScoreFunction } from '../../tasks/classification.ts';
import type { Limits } from '../services.ts';
import { type TaskForm, taskForm } from './form.ts';
import { parameter } from './parameters.ts';
import { pipeline } from './pipeline.ts';

const Scored = z.object({ label: z.string(), score: z.number() });

const Output = Scored.extend({
  scores: z.array(Scored).openapi({ description: 'The `top_k` most probable labels, most probable first.' }),
});

const textPipeline = pipeline({
  task: classification,
  component: 'ClassificationPipelineParameters',
  parameters: {
    top_k: parameter.top_k.nullish().openapi({ description: 'Labels at most. Left out: all.' }),
    function_to_apply: z.enum(['softmax', 'sigmoid', 'none'] satisfies ScoreFunction[]).nullish(),
  },
  options: ({ function_to_apply }) => ({ scores: function_to_apply ?? undefined }),
  show: (ranked, _input: ClassificationInput, { top_k }) => ranked.slice(0, top_k ?? ranked.length),
  // The official clients count on it.
  nested: true,
});

export function classificationForm(limits: Limits): TaskForm {
  const text = z.string().max(limits.maxTextLength);
  const pair = z.strictObject({ text, text_pair: text.optional() });
  return taskForm({
    task: classification,
    component: 'Classification',
    limits,
    input: z
      .union([text, pair])
      .transform(
        (given): ClassificationInput =>
          typeof given === 'string'
            ? { text: given }
            : { text: given.text, ...(given.text_pair === undefined ? {} : { pair: given.text_pair }) },
      ),
    expected: 'a string or {text, text_pair}',
    parameters: z.strictObject({
      top_k: parameter.top_k.optional(),
      offset_encoding: parameter.offset_encoding,
    }),
    output: Output,
    options: () => ({}),
    show(ranked, _input, { top_k = ranked.length }) {
      const [best] = ranked;
      return { label: best!.label, score: best!.score, scores: ranked.slice(0, top_k) };
    },
    pipeline: textPipeline,
  });
}
