/** Flags that say how data is read, the same for `train` and `evaluate`. */
import { type Command, InvalidArgumentError } from 'commander';
import { VeneerError } from '../../functions/error.ts';
import type { ColumnOptions } from '../data/columns.ts';
import { readText, splitLines } from '../data/files.ts';
import type { Ratios } from '../data/holdout.ts';
import { localPath } from '../data/remote.ts';
import { cacheDir } from './command.ts';

export interface DataFlags extends Omit<ColumnOptions, 'labelNames'> {
  labelNames?: string;
}

export function dataFlags(command: Command): Command {
  return command
    .option('--text-column <column>', 'name of the text or word list, or 1-based number')
    .option('--label-column <column>', 'name of the label or tag list, or 1-based number')
    .option('--pair-column <column>', 'classification of pairs: column of the second text')
    .option(
      '--label-separator <text>',
      'multi-label: what stands between the labels of a cell (default a comma between whole numbers)',
    )
    .option(
      '--label-names <list>',
      'names of labels that are given by number, in order: a,b,c or a file with one a line',
    );
}

export async function columnOptions(flags: DataFlags): Promise<ColumnOptions> {
  const { textColumn, labelColumn, pairColumn, labelSeparator, labelNames, problem } = flags;
  if (labelSeparator === '') throw new VeneerError('usage', '--label-separator: it is empty');
  return {
    ...(textColumn === undefined ? {} : { textColumn }),
    ...(labelColumn === undefined ? {} : { labelColumn }),
    ...(pairColumn === undefined ? {} : { pairColumn }),
    ...(labelSeparator === undefined ? {} : { labelSeparator }),
    ...(labelNames === undefined ? {} : { labelNames: await namesIn(labelNames) }),
    ...(problem === undefined ? {} : { problem }),
  };
}

async function namesIn(given: string): Promise<string[]> {
  const names = given.includes(',')
    ? given.split(',').map(name => name.trim())
    : splitLines((await readText(await localPath(given, cacheDir))).text.trimEnd()).map(name => name.trim());
  const bad = names.find((name, i) => name === '' || names.indexOf(name) !== i);
  if (bad === undefined) return names;
  throw new VeneerError(
    'usage',
    `--label-names: ${bad === '' ? 'a name is empty' : `${bad} is there twice`}`,
  );
}

/** `0.1` for dev, `0.1,0.1` for dev and test. */
export function parseSplit(text: string): Ratios {
  const ratios = text.split(',').map(part => (part.trim() === '' ? Number.NaN : Number(part)));
  const [dev, test] = ratios;
  const fits =
    ratios.length <= 2 &&
    ratios.every(ratio => ratio > 0 && ratio < 1) &&
    ratios.reduce((sum, ratio) => sum + ratio, 0) < 1;
  if (!fits)
    throw new InvalidArgumentError(
      'It must be the share of dev, or those of dev and test (0.1,0.1), each above 0, together below 1.',
    );
  return { dev: dev!, ...(test === undefined ? {} : { test }) };
}
