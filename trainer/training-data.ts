/** The data of one run: fetched, read, split, checked and described. */
import { VeneerError } from '../functions/error.ts';
import type { Dataset, Split } from './data/dataset.ts';
import { type Example, holdOut } from './data/holdout.ts';
import { described, type Inspection, inspect } from './data/inspect.ts';
import { localPath } from './data/remote.ts';
import type { AnyTrainingTask } from './tasks/training-task.ts';
import type { TrainOptions } from './train-options.ts';

export interface TrainingData {
  data: Dataset<{ where: string }>;
  inspection: Inspection;
}

export async function readTrainingData(
  task: AnyTrainingTask,
  options: TrainOptions,
  log: (line: string) => void,
): Promise<TrainingData> {
  const { columns, evalData, split, seed, cacheDir } = options;
  if (columns.problem !== undefined && task.serving.name !== 'classification')
    throw new VeneerError('usage', `--problem ${columns.problem}: only classification has problems`);
  if (split !== undefined && evalData !== undefined)
    throw new VeneerError('usage', '--split and --eval-data: both give the dev split, take one of them');
  let data = (await task.read(await localPath(options.data, cacheDir), columns)) as Dataset<Example>;
  if (evalData !== undefined) {
    const reading = data.problem === undefined ? columns : { ...columns, problem: data.problem };
    const dev = (await task.readSplit(await localPath(evalData, cacheDir), reading)) as Split<Example>;
    task.checkKnown(dev, task.known(data.train), 'the train split');
    data = { ...data, dev };
  }
  if (split !== undefined) data = holdOut(data, split, seed);
  const inspection = inspect(data);
  report(data, inspection, log);
  return { data, inspection };
}

function report(
  { problem, ...data }: Dataset<Example>,
  { splits, warnings }: Inspection,
  log: (line: string) => void,
): void {
  for (const [name, split] of Object.entries(data) as [string, Split<Example> | undefined][]) {
    if (split === undefined) continue;
    for (const note of split.notes ?? []) log(`${name}: ${note}`);
    for (const { reason, count, where } of split.skipped)
      log(
        `${name}: skipped ${count}: ${reason} (${where.slice(0, 3).join(', ')}${count > 3 ? ', ...' : ''})`,
      );
    log(`${name}: ${described(splits[name]!)}`);
  }
  for (const warning of warnings) log(`warning: ${warning}`);
}
