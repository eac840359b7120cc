/** `evaluate --all-tasks`: each run of a sequence on the data of each task, and what that says of forgetting and transfer. */

import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import type { ClassificationOutput } from '../../functions/tasks/classification.ts';
import type { ColumnOptions } from '../data/columns.ts';
import type { ClassificationExample, Split } from '../data/dataset.ts';
import { labelsOf } from '../data/labels.ts';
import { scoreTaskSequence } from '../metrics/continual.ts';
import { type Evaluation, openEvaluation } from './evaluation.ts';

export interface AllTasksOptions {
  /** `run=data`, in the order of training. */
  pairs: readonly string[];
  withinTask: boolean;
  columns: ColumnOptions;
  threads: number;
}

interface Cell {
  accuracy: number;
  /** Of a guess, all labels that may be answered alike; undefined where the run lacks a label of the task. */
  chance: number | undefined;
}

export async function evaluateAllTasks(
  store: Store,
  { pairs, withinTask, columns, threads }: AllTasksOptions,
  log: (line: string) => void,
) {
  const tasks = pairs.map(parsePair);
  const cells: Cell[][] = [];
  for (const { run } of tasks) {
    log(`run ${run}`);
    const evaluation = await openEvaluation(store, { adapter: run, threads }, log);
    try {
      checkProblem(run, evaluation);
      const row: Cell[] = [];
      for (const { data } of tasks) row.push(await cellOf(evaluation, { data, columns, withinTask }));
      cells.push(row);
    } finally {
      await evaluation.close();
    }
  }
  const accuracies = cells.map(row => row.map(({ accuracy }) => accuracy));
  const score = scoreTaskSequence({
    accuracies,
    chance: tasks.map((_, task) => (task === 0 ? undefined : cells[task - 1]![task]!.chance)),
  });
  const rows = accuracies.map(
    (row, i) => `${tasks[i]!.run}\t${row.map(value => value.toFixed(4)).join('\t')}`,
  );
  return {
    tasks,
    withinTask,
    accuracies,
    ...score,
    lines: [
      `run\t${tasks.map(({ data }) => data).join('\t')}`,
      ...rows,
      ...Object.entries(score).map(
        ([name, value]) => `${name} ${value === null ? 'none' : value.toFixed(4)}`,
      ),
    ],
  };
}

function parsePair(pair: string): { run: string; data: string } {
  const at = pair.indexOf('=');
  if (at < 1 || at === pair.length - 1)
    throw new VeneerError('usage', `--all-tasks ${pair}: a run and its data are expected, as run=data.csv`);
  return { run: pair.slice(0, at), data: pair.slice(at + 1) };
}

function checkProblem(run: string, { manifest: { task, problem } }: Evaluation): void {
  if (task !== 'classification' || problem !== 'single-label')
    throw new VeneerError(
      'usage',
      `--all-tasks: ${run} is of ${task}, ${problem}: accuracy is that of single-label classification`,
    );
}

/** Labels that a run does not know yet are wrong answers, not errors. */
async function cellOf(
  evaluation: Evaluation,
  { data, columns, withinTask }: { data: string; columns: ColumnOptions; withinTask: boolean },
): Promise<Cell> {
  const { examples } = (await evaluation.read(data, columns)) as Split<ClassificationExample>;
  const { outputs } = await evaluation.answer(examples);
  const wanted = new Set(labelsOf(examples));
  const { labels } = evaluation.manifest;
  const candidates = withinTask ? labels.filter(label => wanted.has(label)) : labels;
  const correct = examples.filter((example, i) => {
    const { ranked } = outputs[i] as ClassificationOutput;
    const best = withinTask ? ranked.find(({ label }) => wanted.has(label)) : ranked[0];
    return best?.label === example.labels[0];
  });
  const isKnown = [...wanted].every(label => labels.includes(label));
  return {
    accuracy: correct.length / examples.length,
    chance: isKnown ? 1 / candidates.length : undefined,
  };
}
