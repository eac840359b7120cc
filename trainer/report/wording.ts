/** Numbers and metric names as people read them. */
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';

const names: Readonly<Record<string, string>> = {
  accuracy: 'Accuracy',
  f1: 'F1',
  f1_macro: 'F1, mean over labels',
  f1_micro: 'F1, over all',
  precision: 'Precision',
  recall: 'Recall',
  exact_match: 'Exact match',
};

const fractions = /^(accuracy|precision|recall|f1|exact_match)(_|$)/;

/** `f1_no_answer` -> `F1, no answer`. */
export function metricName(name: string): string {
  const known = names[name];
  if (known !== undefined) return known;
  const [stem, ...rest] = ['exact_match', 'f1'].flatMap(known =>
    name.startsWith(`${known}_`) ? [known, name.slice(known.length + 1)] : [],
  );
  if (stem !== undefined) return `${names[stem]}, ${rest[0]!.replaceAll('_', ' ')}`;
  const plain = name.replaceAll('_', ' ');
  return plain.charAt(0).toUpperCase() + plain.slice(1);
}

/** Whether a metric is between 0 and 1 (or 0 and 100 %), and better the higher it is. */
export const isScore = (name: string): boolean => fractions.test(name);

/** From 0 to 1 (squad.ts has percents); undefined of a metric that is no score. */
export function asFraction(task: TaskName, name: string, value: number): number | undefined {
  if (!isScore(name)) return undefined;
  return task === 'question-answering' ? value / 100 : value;
}

export function metricValue(task: TaskName, name: string, value: number): string {
  const fraction = asFraction(task, name, value);
  return fraction === undefined ? value.toFixed(3) : percent(fraction);
}

/** The space does not break. */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(1)}\u00a0%`;
}

const taskNames: Record<TaskName, string> = {
  classification: 'Classification',
  'sequence-labeling': 'Sequence labeling',
  'question-answering': 'Question answering',
};
export const taskTitle = (task: TaskName): string => taskNames[task];

/** Which split of its data a run was scored on. */
export const scoredSplit = ({ training: { config } }: AdapterManifest): string =>
  typeof config.scored === 'string' ? config.scored : 'dev';

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function duration(seconds: number): string {
  if (seconds < 90) return `${seconds.toFixed(1)} s`;
  const minutes = Math.round(seconds / 60);
  return minutes < 90 ? `${minutes} min` : `${(seconds / 3600).toFixed(1)} h`;
}

export function bytes(value: number): string {
  return value < 1e6 ? `${Math.round(value / 1e3)} kB` : `${(value / 1e6).toFixed(1)} MB`;
}
