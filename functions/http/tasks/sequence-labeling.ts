/** Sequence labeling (named entities) over HTTP. */
import { z } from '@hono/zod-openapi';
import { type LabelingInput, sequenceLabeling } from '../../tasks/sequence-labeling.ts';
import { offsetsIn } from '../offsets.ts';
import type { Limits } from '../services.ts';
import { type TaskForm, taskForm } from './form.ts';
import { parameter } from './parameters.ts';

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

export function sequenceLabelingForm(limits: Limits): TaskForm {
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
    huggingFace(shown, { many }) {
      const lists = shown.map(({ entities }) => entities);
      return many ? lists : lists[0];
    },
  });
}
