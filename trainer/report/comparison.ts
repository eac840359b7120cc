/** Runs side by side: the options in which they differ, and what they scored. Knows nothing of pages. */
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import { trainingTasks } from '../tasks/tasks.ts';
import type { Curves } from './curves.ts';
import { differingNames, settingsOf } from './settings.ts';
import { bytes, count, duration, isScore, metricName, metricValue } from './wording.ts';

export interface ComparedRun {
  name: string;
  manifest: AdapterManifest;
  curves: Curves;
}

/** One line of a table: a cell a run, empty where it is not known. */
export interface Row {
  name: string;
  cells: string[];
  /** Runs that have the best value, where better is clear and not all are alike. */
  best: number[];
}

export interface Comparison {
  task: AdapterManifest['task'];
  mainMetric: string;
  options: Row[];
  results: Row[];
}

/** @throws VeneerError `usage` where the runs are of different tasks. */
export function compareRuns(runs: readonly ComparedRun[]): Comparison {
  const { task, problem } = runs[0]!.manifest;
  const other = runs.find(({ manifest }) => manifest.task !== task);
  if (other)
    throw new VeneerError(
      'usage',
      `${runs[0]!.name} is ${task}, ${other.name} is ${other.manifest.task}: compare runs of one task`,
    );
  const unlike = runs.find(({ manifest }) => manifest.problem !== problem);
  if (unlike)
    throw new VeneerError(
      'usage',
      `${runs[0]!.name} is ${problem}, ${unlike.name} is ${unlike.manifest.problem}: compare runs of one problem`,
    );
  const mainMetric = trainingTasks[task].mainMetric(problem);
  return { task, mainMetric, options: differing(runs), results: resultsOf(runs, mainMetric) };
}

function differing(runs: readonly ComparedRun[]): Row[] {
  const settings = runs.map(({ manifest }) => settingsOf(manifest));
  return differingNames(settings).map(name => ({
    name,
    cells: settings.map(values => values[name] ?? ''),
    best: [],
  }));
}

function resultsOf(runs: readonly ComparedRun[], mainMetric: string): Row[] {
  const rowsOf = (kind: 'trained' | 'served', suffix: string): Row[] => {
    const names = [...new Set(runs.flatMap(({ manifest }) => Object.keys(manifest.metrics[kind])))];
    names.sort((a, b) => Number(b === mainMetric) - Number(a === mainMetric));
    return names.map(name => {
      const values = runs.map(({ manifest }) => manifest.metrics[kind][name]);
      const cells = runs.map(({ manifest }, i) =>
        values[i] === undefined ? '' : metricValue(manifest.task, name, values[i]),
      );
      return { name: `${metricName(name)}, ${suffix}`, cells, best: isScore(name) ? bestOf(values) : [] };
    });
  };
  const totals = runs.map(({ curves }) => curves.total);
  const rows = [
    ...rowsOf('served', 'as served'),
    ...rowsOf('trained', 'before quantization'),
    { name: 'Steps', cells: totals.map(total => (total ? count(total.steps) : '')), best: [] },
    { name: 'Time in steps', cells: totals.map(total => (total ? duration(total.seconds) : '')), best: [] },
    {
      name: 'Adapter',
      cells: runs.map(({ manifest }) => bytes(manifest.files['adapter.safetensors'].bytes)),
      best: [],
    },
  ];
  return rows.filter(({ cells }) => cells.some(cell => cell !== ''));
}

function bestOf(values: readonly (number | undefined)[]): number[] {
  const known = values.filter(value => value !== undefined);
  const best = Math.max(...known);
  if (known.length < 2 || known.every(value => value === best)) return [];
  return values.flatMap((value, i) => (value === best ? [i] : []));
}
