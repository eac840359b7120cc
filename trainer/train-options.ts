/** Everything a training run is told. */
import type { AdapterManifest } from '../functions/artifacts/manifests.ts';
import type { TaskName } from '../functions/artifacts/names.ts';
import type { ClassWeights } from './class-weights.ts';
import type { ColumnOptions } from './data/columns.ts';
import type { Ratios } from './data/holdout.ts';
import type { FitOptions } from './fit.ts';
import type { MethodSpec } from './methods/methods.ts';
import type { Trained } from './trained.ts';

export interface TrainOptions extends FitOptions {
  task: TaskName;
  data: string;
  /** File that is scored after every epoch, instead of the data directory's dev split. */
  evalData?: string | undefined;
  columns: ColumnOptions;
  /** What to hold out of train. */
  split?: Ratios;
  classWeights?: ClassWeights;
  labelSmoothing: number;
  base: string;
  out: string;
  method: MethodSpec;
  /** What is gone on from. */
  from?: Trained | undefined;
  maxLength?: number;
  stride?: number;
  quantization: AdapterManifest['quantization'];
  threads: number;
  cacheDir: string;
}
