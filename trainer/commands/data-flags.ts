/** Flags that say how data is read, the same for `train` and `evaluate`, and the lists that flags take. */
import { type Command, InvalidArgumentError } from 'commander';
import { VeneerError } from '../../functions/error.ts';
import type { ClassWeights } from '../class-weights.ts';
import type { ColumnOptions } from '../data/columns.ts';
import { readText, splitLines } from '../data/files.ts';
import type { Ratios } from '../data/holdout.ts';
import { parseJson } from '../data/json.ts';
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

/** `balanced`, `spam=3,ham=0.5`, or a JSON file `{"spam": 3, "ham": 0.5}`. */
export async function parseClassWeights(given: string): Promise<ClassWeights> {
  if (given === 'balanced') return given;
  const pairs: [string, unknown][] = given.includes('=')
    ? given.split(',').map(part => {
        const at = part.lastIndexOf('=');
        return [part.slice(0, Math.max(0, at)).trim(), Number(part.slice(at + 1).trim() || Number.NaN)];
      })
    : await weightsIn(given);
  for (const [label, weight] of pairs)
    if (typeof weight !== 'number' || !(weight > 0 && weight <= 1e6))
      throw new VeneerError(
        'usage',
        `--class-weights: ${JSON.stringify(label)} weighs ${weight}: it must be a number above 0 and at most 1000000`,
      );
  return Object.fromEntries(pairs) as Record<string, number>;
}

async function weightsIn(file: string): Promise<[string, unknown][]> {
  const value = parseJson((await readText(await localPath(file, cacheDir))).text, file);
  if (value !== null && typeof value === 'object' && !Array.isArray(value)) return Object.entries(value);
  throw new VeneerError('invalid_data', `${file}: an object of weights by label is expected`);
}
