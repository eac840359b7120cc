/** Everything a training run is told. */
import type { AdapterManifest, Pooling } from '../functions/artifacts/manifests.ts';
import type { TaskName } from '../functions/artifacts/names.ts';
import { type AugmentOptions, describeAugment } from './augment/augment.ts';
import type { TrainingPrecision } from './base/frozen-base.ts';
import type { ClassWeights } from './class-weights.ts';
import type { ContinualOptions } from './continual/options.ts';
import type { ColumnOptions } from './data/columns.ts';
import type { Ratios } from './data/holdout.ts';
import type { DropoutSpec } from './dropout.ts';
import type { FewShotOptions } from './few-shot/choice.ts';
import type { FitOptions } from './fit.ts';
import type { MethodSpec } from './methods/methods.ts';
import type { Trained } from './trained.ts';

export interface TrainOptions extends Omit<FitOptions, 'microBatches'>, ContinualOptions {
  task: TaskName;
  data: string;
  /** File that is scored after every epoch, instead of the data directory's dev split. */
  evalData?: string | undefined;
  columns: ColumnOptions;
  /** What to hold out of train. */
  split?: Ratios;
  /** Examples to keep of each class of train. */
  perClass?: number;
  /** A start for few examples a class. */
  fewShot?: FewShotOptions | undefined;
  /** More examples of train. */
  augment?: AugmentOptions | undefined;
  classWeights?: ClassWeights;
  labelSmoothing: number;
  base: string;
  out: string;
  method: MethodSpec;
  /** What the frozen base is computed with. */
  precision: TrainingPrecision;
  /** What a pooled head reads; as the base was trained where left out. */
  pooling?: Pooling | undefined;
  /** What is gone on from. */
  from?: Trained | undefined;
  dropout: DropoutSpec;
  /** Weight of R-Drop's divergence; 0 is off. */
  rDrop: number;
  maxLength?: number;
  stride?: number;
  quantization: AdapterManifest['quantization'];
  threads: number;
  /** Workers that share the batches of a step. */
  devices: number;
  /** Cut batches that do not fit into the device's memory, instead of stopping. */
  autoBatch: boolean;
  /** Go on from the checkpoint in `out`, where there is one. */
  resume: boolean;
  cacheDir: string;
}

/** What decides the result, by name: all options but where things are and how fast it goes. */
export function decidingOptions(options: TrainOptions): Record<string, unknown> {
  const { data: _, evalData: _e, out: _o, cacheDir: _c, from, augment, ...told } = options;
  const { threads: _t, devices: _d, autoBatch: _a, saveSteps: _s, resume: _r, ...deciding } = told;
  return {
    ...deciding,
    ...(from ? { from: from.digest } : {}),
    ...(augment ? { augment: describeAugment(augment) } : {}),
  };
}
