/** What a manifest says before training: the resolved configuration, windows within what the base can do, and the data. */
import { AdapterManifest, type BaseManifest } from '../functions/artifacts/manifests.ts';
import { VeneerError } from '../functions/error.ts';
import type { Dataset } from './data/dataset.ts';
import type { HeadSpec } from './heads.ts';
import type { AnyTrainingTask } from './tasks/training-task.ts';
import type { TrainOptions } from './train-options.ts';

/** A manifest without what the method brings and what training finds out. */
export type Draft = Omit<AdapterManifest, 'lora' | 'quantization' | 'files'>;

/** Windows as the user asked for, else those gone on from, else the task's defaults, within what the base can do. */
export function windowOptions(task: AnyTrainingTask, options: TrainOptions, { config }: BaseManifest) {
  // A window length of one's own has its own stride.
  const before = options.maxLength === undefined ? options.from?.manifest : undefined;
  const limit = config.maxPositions - config.positionOffset;
  const maxLength = options.maxLength ?? before?.maxLength ?? Math.min(task.defaults.maxLength, limit);
  if (maxLength > limit)
    throw new VeneerError('usage', `--max-length ${maxLength}: the base takes ${limit} tokens at most`);
  const stride =
    options.stride ?? before?.stride ?? Math.min(task.defaults.stride, Math.floor(maxLength / 4));
  if (stride >= maxLength / 2)
    throw new VeneerError('usage', `--stride ${stride}: must be under half of --max-length ${maxLength}`);
  return { maxLength, stride };
}

interface DraftArguments {
  manifest: BaseManifest;
  options: TrainOptions;
  task: AnyTrainingTask;
  data: Dataset<{ where: string }>;
  labels: string[];
  head: HeadSpec;
  window: { maxLength: number; stride: number };
  engine: string;
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
  } = options;
  if (!AdapterManifest.shape.labels.safeParse(labels).success)
    throw new VeneerError(
      'invalid_data',
      `${labels.length} labels are more than an adapter can have: is --label-column the right one?`,
    );
  const scored = data.dev ? 'dev' : data.test ? 'test' : null;
  return {
    formatVersion: 1,
    task: options.task,
    labels,
    base: { name: manifest.name, digest: manifest.digest, tokenizer: manifest.tokenizer.source.sha256 },
    ...window,
    head: head.head,
    unanswerable: task.unanswerable(data.train.examples) || (from?.manifest.unanswerable ?? false),
    metrics: { trained: {}, served: {} },
    training: {
      config: {
        epochs,
        batchSize,
        accumulate,
        learningRate,
        warmup,
        weightDecay,
        maxGradientNorm,
        patience,
        scored,
        method: method.name,
        ...(from ? { from: from.digest } : {}),
      },
      seed,
      engine,
      dataset: data.train.digest,
    },
  };
}
