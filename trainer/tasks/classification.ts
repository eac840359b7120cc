/** Training of text classification. */
import {
  type ClassificationInput,
  type ClassificationOutput,
  classification as serving,
} from '../../functions/tasks/classification.ts';
import type { Encoded } from '../../functions/tasks/task.ts';
import { readClassification, readClassificationSplit } from '../data/classification.ts';
import type { ClassificationExample } from '../data/dataset.ts';
import { checkKnownLabels, labelsOf } from '../data/labels.ts';
import { scoreClassification } from '../metrics/classification.ts';
import type { TrainingTask } from './training-task.ts';

export const classification: TrainingTask<
  ClassificationExample,
  ClassificationInput,
  ClassificationOutput,
  Encoded,
  object
> = {
  serving,
  mainMetric: 'accuracy',
  defaults: { maxLength: 128, stride: 32 },
  // The dense layer is worth a point on many classes (README); without it an adapter is 147 kB smaller at hidden size 384.
  head: pooling => ({ kind: 'pooled', pooling, dense: true }),
  read: readClassification,
  readSplit: readClassificationSplit,
  labels: labelsOf,
  checkKnown: checkKnownLabels,
  input: ({ text, pair }) => (pair === undefined ? { text } : { text, pair }),
  options: () => ({}),
  targets: ({ label }, { windows }, { labels }) => windows.map(() => Int32Array.of(labels.indexOf(label))),
  score: (examples, outputs) =>
    scoreClassification(
      examples.map(example => example.label),
      outputs.map(scores => scores[0]!.label),
    ).metrics,
  unanswerable: () => false,
};
