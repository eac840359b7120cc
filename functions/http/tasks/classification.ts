/** Text classification over HTTP. */
import { z } from '@hono/zod-openapi';
import {
  type ClassificationInput,
  classification,
  classificationOptions,
  type ScoreFunction,
} from '../../tasks/classification.ts';
import { InvalidFields } from '../issues.ts';
import type { Limits } from '../services.ts';
import { taskForm } from './form.ts';
import { parameter } from './parameters.ts';
import { pipeline } from './pipeline.ts';

const Scored = z.object({
  label: z.string(),
  score: z.number().openapi({
    description:
      'A probability: of one label among all, or (multi-label) of each label by itself. Regression: the number, under LABEL_0.',
  }),
});

const Output = Scored.extend({
  scores: z
    .array(Scored)
    .openapi({ description: 'The `top_k` labels of the highest scores, highest first.' }),
  labels: z.array(z.string()).openapi({
    description:
      'The labels given: the best one; of a multi-label adapter all with at least its `threshold`; none in regression.',
  }),
});

const textPipeline = pipeline({
  task: classification,
  component: 'ClassificationPipelineParameters',
  parameters: {
    top_k: parameter.top_k.nullish().openapi({ description: 'Labels at most. Left out: all.' }),
    function_to_apply: z
      .enum(['softmax', 'sigmoid', 'none'] satisfies ScoreFunction[])
      .nullish()
      .openapi({ description: 'Left out: softmax; sigmoid of a multi-label adapter, none of a regression.' }),
  },
  options: ({ function_to_apply }, manifest) => ({
    ...classificationOptions(manifest),
    scores: function_to_apply ?? undefined,
  }),
  show: ({ ranked }, _input: ClassificationInput, { top_k }) => ranked.slice(0, top_k ?? ranked.length),
  // The official clients count on it.
  nested: true,
});

export function classificationForm(limits: Limits) {
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
      threshold: parameter.threshold.optional(),
      offset_encoding: parameter.offset_encoding,
    }),
    output: Output,
    options({ threshold }, manifest) {
      if (threshold !== undefined && manifest.problem !== 'multi-label') {
        const message = `the adapter is ${manifest.problem}, only multi-label has one: leave it out`;
        throw new InvalidFields([
          { code: 'custom', path: ['parameters', 'threshold'], message, input: undefined },
        ]);
      }
      return classificationOptions(manifest, threshold);
    },
    show({ ranked, labels }, _input, { top_k = ranked.length }) {
      const [best] = ranked;
      return { label: best!.label, score: best!.score, scores: ranked.slice(0, top_k), labels };
    },
    pipeline: textPipeline,
  });
}
