/** The tfjs engine's process: TensorFlow blocks its thread for the length of a run and takes its settings from the environment. */
import type { WeightsFile } from './engine.ts';
import type { Plan } from './plan.ts';
import type { Spent } from './spent.ts';
import { deviceOf, loadTensorFlow, type NativePackage } from './tensorflow.ts';
import { openPlan, type ProductPrecision } from './tfjs.ts';
import { serveProgram } from './worker.ts';

export interface TfjsWorkerOptions {
  folder: string;
  name: NativePackage;
  /** Without a GPU this fails. */
  needsGpu: boolean;
  plan: Plan;
  weights: WeightsFile | undefined;
  precision: ProductPrecision;
  /** Whether every answer says what it took. */
  isTimed: boolean;
}

serveProgram(async ({ folder, name, needsGpu, isTimed, ...args }: TfjsWorkerOptions) => {
  const tf = loadTensorFlow(folder, name);
  const { device, version } = deviceOf(tf);
  if (needsGpu && device !== 'gpu') throw new Error(`TensorFlow ${version} sees no GPU`);
  const latest: { spent?: Spent } = {};
  const onSpent = (spent: Spent) => {
    latest.spent = spent;
  };
  const { run } = await openPlan(tf, { ...args, ...(isTimed ? { onSpent } : {}) });
  return async inputs => ({ outputs: await run(inputs), ...latest });
});
