/** Quality gates of a push: least values of served metrics, and what quantization may cost at most. */
import type { AdapterManifest, Metrics, Problem } from './artifacts/manifests.ts';
import type { TaskName } from './artifacts/names.ts';
import { VeneerError } from './error.ts';

/** The metric that a task is judged by; higher is better. */
export const mainMetrics: Record<TaskName, (problem: Problem) => string> = {
  classification: problem =>
    ({ 'single-label': 'accuracy', 'multi-label': 'f1_micro', regression: 'pearson' })[problem],
  'sequence-labeling': () => 'f1',
  'question-answering': () => 'f1',
};

export interface Gates {
  /** Least value of served metrics, by name. */
  minMetrics: Readonly<Record<string, number>>;
  /** Most that the main metric may lose by quantization, as a fraction (metrics in percent are divided by 100). */
  maxDrop?: number | undefined;
}

/** `metric=value`, as a command line or a query says it. Undefined where the text is not of this form. */
export function parseMinMetric(text: string): [metric: string, least: number] | undefined {
  const [, metric, value] = /^([\w-]+)=(-?[\d.]+(?:e-?\d+)?)$/.exec(text) ?? [];
  return metric === undefined || Number.isNaN(Number(value)) ? undefined : [metric, Number(value)];
}

/** @throws VeneerError `gate_failed` saying the numbers. */
export function checkGates(
  { task, problem, metrics }: Pick<AdapterManifest, 'task' | 'problem' | 'metrics'>,
  { minMetrics, maxDrop }: Gates,
): void {
  for (const [metric, least] of Object.entries(minMetrics)) {
    const value = metricIn(metrics.served, metric);
    if (value === undefined)
      throw new VeneerError(
        'gate_failed',
        `no ${metric} to hold against the least of ${least}: the manifest has ${namesOf(metrics.served)}; train with a dev or test split`,
      );
    if (!(value >= least))
      throw new VeneerError(
        'gate_failed',
        `${metric} is ${value} as served, under the least of ${least}: not pushed`,
      );
  }
  if (maxDrop === undefined) return;
  const name = mainMetrics[task](problem);
  const [trained, served] = [metricIn(metrics.trained, name), metricIn(metrics.served, name)];
  if (trained === undefined || served === undefined)
    throw new VeneerError(
      'gate_failed',
      `what quantization costs is not known: the manifest has no ${name}; train with a dev or test split`,
    );
  // Rounded, so that 0.9 - 0.89 is 0.01 and not a little more.
  const drop = Number(((trained - served) / (task === 'question-answering' ? 100 : 1)).toPrecision(9));
  if (!(drop <= maxDrop))
    throw new VeneerError(
      'gate_failed',
      `${name} falls from ${trained} (float32) to ${served} (as served), by ${drop}, over the allowed drop of ${maxDrop}: not pushed`,
    );
}

function metricIn(metrics: Metrics, name: string): number | undefined {
  return Object.hasOwn(metrics, name) ? metrics[name] : undefined;
}

function namesOf(metrics: Metrics): string {
  return Object.keys(metrics).join(', ') || 'no served metrics';
}
