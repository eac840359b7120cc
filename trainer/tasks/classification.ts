/** Training of text classification: one label, several labels, or a number. */
import type { Metrics, Problem } from '../../functions/artifacts/manifests.ts';
import { mainMetrics } from '../../functions/gates.ts';
import {
  type ClassificationInput,
  type ClassificationOptions,
  type ClassificationOutput,
  classificationOptions,
  classification as serving,
} from '../../functions/tasks/classification.ts';
import type { Encoded } from '../../functions/tasks/task.ts';
import { readClassification, readClassificationSplit } from '../data/classification.ts';
import type { ClassificationExample } from '../data/dataset.ts';
import { checkKnownLabels, hasPairs, labelsOf } from '../data/labels.ts';
import { scoreClassification } from '../metrics/classification.ts';
import { bestThreshold, type MultiLabelScores, scoreMultiLabel } from '../metrics/multi-label.ts';
import { scoreRegression } from '../metrics/regression.ts';
import type { Decoding, TrainingTask } from './training-task.ts';

type Examples = readonly ClassificationExample[];
type Outputs = readonly ClassificationOutput[];

const scorers: Record<Problem, (examples: Examples, outputs: Outputs, decoding: Decoding) => Metrics> = {
  'single-label': (examples, outputs) =>
    scoreClassification(
      examples.map(example => example.labels[0]!),
      outputs.map(({ ranked }) => ranked[0]!.label),
    ).metrics,
  'multi-label': (examples, outputs, decoding) =>
    scoreMultiLabel(multiLabelScores(examples, outputs, decoding), classificationOptions(decoding).threshold),
  regression: (examples, outputs) =>
    scoreRegression(
      examples.map(({ value }) => value!),
      outputs.map(({ ranked }) => ranked[0]!.score),
    ),
};

function multiLabelScores(examples: Examples, outputs: Outputs, { labels }: Decoding): MultiLabelScores {
  return {
    labels,
    gold: examples.map(example => example.labels),
    scores: outputs.map(({ ranked }) => new Map(ranked.map(({ label, score }) => [label, score]))),
  };
}

export const classification: TrainingTask<
  ClassificationExample,
  ClassificationInput,
  ClassificationOutput,
  Encoded,
  ClassificationOptions
> = {
  serving,
  mainMetric: mainMetrics.classification,
  defaults: { maxLength: 128, stride: 32 },
  // The dense layer is worth a point on many classes (README); without it an adapter is 147 kB smaller at hidden size 384.
  head: pooling => ({ kind: 'pooled', pooling, dense: true }),
  read: readClassification,
  readSplit: readClassificationSplit,
  known: train => ({ labels: labelsOf(train.examples), pair: hasPairs(train) }),
  checkKnown: checkKnownLabels,
  input: ({ text, pair }) => (pair === undefined ? { text } : { text, pair }),
  options: decoding => classificationOptions(decoding),
  targets: (example, { windows }, { labels }) => {
    const { value } = example;
    const targets =
      value === undefined
        ? Int32Array.from(example.labels, label => labels.indexOf(label))
        : Float32Array.of(value);
    return windows.map(() => targets);
  },
  threshold: (examples, outputs, decoding) =>
    decoding.problem === 'multi-label'
      ? bestThreshold(multiLabelScores(examples, outputs, decoding))
      : undefined,
  score: (examples, outputs, decoding) => scorers[decoding.problem](examples, outputs, decoding),
  unanswerable: () => false,
};
