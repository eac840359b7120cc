/** Sequence labeling (named entities) over HTTP. */
import { z } from '@hono/zod-openapi';
import { aggregationStrategies, pipelineEntities } from '../../tasks/pipeline-entities.ts';
import { type LabelingInput, sequenceLabeling } from '../../tasks/sequence-labeling.ts';
import { offsetsIn } from '../offsets.ts';
import type { Limits } from '../services.ts';
import { taskForm } from './form.ts';
import { parameter } from './parameters.ts';
import { pipeline } from './pipeline.ts';

const Output = z.object({
  entities: z.array(
    z.object({
      entity_group: z.string(),
      score: z.number(),
      word: z.string(),
      start: z.int(),
      end: z.int().openapi({ description: 'One past its last character.' }),
    }),
  ),
});

const tokenPipeline = pipeline({
  task: pipelineEntities,
  component: 'SequenceLabelingPipelineParameters',
  parameters: {
    aggregation_strategy: z.enum(aggregationStrategies).nullish().openapi({
      description:
        'How tokens become entities, as in transformers. Left out: the most probable IOB2 sequence over words.',
    }),
    ignore_labels: z.array(z.string().max(200)).max(1000).nullish().openapi({
      description:
        'Tags (strategy none) or types to leave out. Left out: ["O"]. Without a strategy there is never a group O.',
    }),
    stride: z.int().min(0).max(4096).nullish().openapi({
      description: "Tokens that neighbouring windows of a long text share. Left out: the adapter's.",
    }),
  },
  options: ({ aggregation_strategy, ignore_labels }) => ({
    strategy: aggregation_strategy ?? undefined,
    ignoreLabels: ignore_labels ?? ['O'],
  }),
  windows: ({ stride }) => (stride == null ? {} : { stride }),
  show(entities, { text }: LabelingInput) {
    const offset = offsetsIn(text, 'code_points');
    return entities.map(({ label, score, index, word, start, end }) => ({
      ...(index === undefined ? { entity_group: label, score } : { entity: label, score, index }),
      word,
      start: offset(start),
      end: offset(end),
    }));
  },
  nested: false,
});

export function sequenceLabelingForm(limits: Limits) {
  const text = z.string().max(limits.maxTextLength);
  return taskForm({
    task: sequenceLabeling,
    component: 'SequenceLabeling',
    limits,
    input: z
      .union([text, z.strictObject({ text })])
      .transform((given): LabelingInput => (typeof given === 'string' ? { text: given } : given)),
    expected: 'a string or {text}',
    parameters: z.strictObject({ offset_encoding: parameter.offset_encoding }),
    output: Output,
    options: () => ({}),
    show({ entities }, { text }, { offset_encoding = 'code_points' }) {
      const offset = offsetsIn(text, offset_encoding);
      return {
        entities: entities.map(({ entityGroup, score, word, start, end }) => ({
          entity_group: entityGroup,
          score,
          word,
          start: offset(start),
          end: offset(end),
        })),
      };
    },
    pipeline: tokenPipeline,
  });
}
