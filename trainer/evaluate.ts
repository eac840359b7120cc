/** Scores an adapter through the served path: the same predict() that answers requests. */
import type { ResidentAdapter } from '../functions/artifacts/adapter.ts';
import type { Metrics } from '../functions/artifacts/manifests.ts';
import type { Base } from '../functions/base.ts';
import { predict } from '../functions/predict.ts';
import type { AnyTrainingTask } from './tasks/training-task.ts';

export interface EvaluateArguments {
  base: Pick<Base, 'tokenizer' | 'engine'>;
  adapter: ResidentAdapter;
  task: AnyTrainingTask;
  examples: readonly { where: string }[];
  /** Whether the examples are the dev split: a threshold may be chosen on them. */
  onDev?: boolean;
  onProgress?(done: number, total: number): void;
}

/** What was asked, of whom, and what was answered. */
export interface Evaluated extends EvaluateArguments {
  outputs: readonly unknown[];
}

/** Inputs of one predict() call: enough for full batches of like length. */
const chunk = 512;

export async function evaluate(what: EvaluateArguments): Promise<Metrics> {
  return scoreOf(what, await answer(what));
}

/** With the adapter's threshold or, on dev, the one that suits the answers best. */
export function scoreOf(
  { adapter: { manifest }, task, examples, onDev }: EvaluateArguments,
  outputs: readonly unknown[],
): Metrics {
  const best = onDev ? task.threshold?.(examples, outputs, manifest) : undefined;
  return task.score(examples, outputs, { ...manifest, threshold: best ?? manifest.threshold });
}

/** What is answered to each example. */
export async function answer({
  base,
  adapter,
  task,
  examples,
  onProgress,
}: EvaluateArguments): Promise<unknown[]> {
  const options = task.options(adapter.manifest);
  const outputs: unknown[] = [];
  for (let from = 0; from < examples.length; from += chunk) {
    const inputs = examples.slice(from, from + chunk).map(task.input);
    outputs.push(...(await predict({ base, adapter, task: task.serving, inputs, options })).outputs);
    onProgress?.(outputs.length, examples.length);
  }
  return outputs;
}
