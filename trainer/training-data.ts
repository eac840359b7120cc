/** The data of one run: fetched, read, split, checked and described. */
import { VeneerError } from '../functions/error.ts';
import { type Augmentable, augment } from './augment/augment.ts';
import { parseSynonyms } from './augment/synonyms.ts';
import { openWordnet } from './augment/wordnet.ts';
import type { Dataset, Split } from './data/dataset.ts';
import { type Example, holdOut } from './data/holdout.ts';
import { described, type Inspection, inspect } from './data/inspect.ts';
import { keepPerClass } from './data/per-class.ts';
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
  const { columns, evalData, split, perClass, seed, cacheDir } = options;
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
  if (perClass !== undefined) data = { ...data, train: keepPerClass(data.train, perClass, seed) };
  const inspection = inspect(data);
  report(data, inspection, log);
  if (options.augment !== undefined) data = { ...data, train: augmented(data.train, options, log) };
  return { data, inspection };
}

/** What was read, and behind it what was made of it. */
function augmented(
  train: Split<Example>,
  { task, augment: told, seed }: TrainOptions,
  log: (line: string) => void,
): Split<Example> {
  if (task === 'question-answering')
    throw new VeneerError('usage', '--augment: for classification and sequence labeling only');
  const { count, rate, unit, synonyms: file } = told!;
  const synonyms = file ? parseSynonyms(file.text, file.file) : openWordnet();
  const examples = train.examples as Augmentable[];
  const added = augment(examples, { count, rate, unit, seed, synonyms });
  const parts = Object.entries(added.counts).map(([name, times]) => `${name} ${times}`);
  log(
    `train: ${added.examples.length} augmented examples beside the ${examples.length} (${parts.join(', ')}; synonyms of ${file?.file ?? 'WordNet 3.1, English'})`,
  );
  if (added.examples.length === 0)
    log('warning: --augment changed nothing: the texts are too short or the synonyms of another language');
  return { ...train, examples: [...examples, ...added.examples] };
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
