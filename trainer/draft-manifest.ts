/** What a manifest says before training: the resolved configuration and the data. */
import {
  AdapterFields,
  type AdapterManifest,
  type BaseManifest,
  type servedMethods,
} from '../functions/artifacts/manifests.ts';
import { VeneerError } from '../functions/error.ts';
import { describeAugment } from './augment/augment.ts';
import { microBatchesOf } from './batches.ts';
import { continualConfig } from './continual/options.ts';
import type { Dataset } from './data/dataset.ts';
import type { FewShotPlan } from './few-shot/choice.ts';
import type { HeadSpec } from './heads.ts';
import type { AnyTrainingTask } from './tasks/training-task.ts';
import type { TrainOptions } from './train-options.ts';

/** A manifest without what the method brings and what training finds out. */
export type Draft = Omit<AdapterManifest, (typeof servedMethods)[number] | 'quantization' | 'files'>;

interface DraftArguments {
  manifest: BaseManifest;
  options: TrainOptions;
  task: AnyTrainingTask;
  data: Dataset<{ where: string }>;
  labels: string[];
  head: HeadSpec;
  window: { maxLength: number; stride: number };
  engine: string;
  fewShot?: FewShotPlan | undefined;
}

/** Everything of the manifest that is known before training. */
export function draftManifest({
  manifest,
  options,
  task,
  data,
  labels,
  head,
  window,
  engine,
  fewShot,
}: DraftArguments): Draft {
  const {
    epochs,
    batchSize,
    accumulate,
    learningRate,
    warmup,
    weightDecay,
    maxGradientNorm,
    patience,
    seed,
    method,
    from,
    schedule,
    evalSteps = null,
    headLearningRate = learningRate,
    precision,
    dropout,
    rDrop,
  } = options;
  if (!AdapterFields.shape.labels.safeParse(labels).success)
    throw new VeneerError(
      'invalid_data',
      `${labels.length} labels are more than an adapter can have: is --label-column the right one?`,
    );
  const { problem = 'single-label' } = data;
  const { columns, split, perClass, classWeights, labelSmoothing, augment } = options;
  const { pair } = task.known(data.train);
  const scored = data.dev ? 'dev' : data.test ? 'test' : null;
  return {
    formatVersion: 1,
    task: options.task,
    problem,
    labels,
    base: { name: manifest.name, digest: manifest.digest, tokenizer: manifest.tokenizer.source.sha256 },
    ...window,
    head: head.head,
    ...(pair === undefined ? {} : { pair }),
    unanswerable: task.unanswerable(data.train.examples) || (from?.manifest.unanswerable ?? false),
    metrics: { trained: {}, served: {} },
    training: {
      config: {
        epochs,
        batchSize,
        accumulate,
        microBatches: microBatchesOf(options, options.devices),
        learningRate,
        headLearningRate,
        schedule,
        warmup,
        weightDecay,
        maxGradientNorm,
        dropout,
        rDrop,
        evalSteps,
        patience,
        scored,
        method: method.name,
        precision,
        ...(from ? { from: from.digest } : {}),
        ...continualConfig(options, { method, from }),
        labelSmoothing,
        ...(split === undefined ? {} : { split }),
        ...(perClass === undefined ? {} : { perClass }),
        ...(fewShot === undefined ? {} : { fewShot }),
        ...(augment === undefined ? {} : { augment: describeAugment(augment) }),
        ...(classWeights === undefined ? {} : { classWeights }),
        ...(columns.labelSeparator === undefined ? {} : { labelSeparator: columns.labelSeparator }),
      },
      seed,
      engine,
      dataset: data.train.digest,
    },
  };
}
