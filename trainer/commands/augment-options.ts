/** Options of `train` that say how many examples are made of those of train, and of what. */
import { type Command, InvalidArgumentError, Option } from 'commander';
import { VeneerError } from '../../functions/error.ts';
import type { AugmentOptions } from '../augment/augment.ts';
import { type UnitName, unitNames } from '../augment/units.ts';
import { readText } from '../data/files.ts';
import { localPath } from '../data/remote.ts';
import { cacheDir } from './command.ts';

export interface AugmentFlags {
  augment?: { count: number; rate: number };
  augmentUnit?: UnitName;
  synonyms?: string;
}

/** What EDA's authors recommend for up to 2,000 examples (Table 3). */
const defaultRate = 0.05;

/** `4`, or `4,0.1`. */
function parseAugment(text: string): { count: number; rate: number } {
  const [count, rate = defaultRate, ...rest] = text
    .split(',')
    .map(part => (part.trim() === '' ? Number.NaN : Number(part)));
  const fits = Number.isInteger(count) && count! >= 1 && count! <= 64 && rate > 0 && rate <= 0.9;
  if (!fits || rest.length > 0)
    throw new InvalidArgumentError(
      'It must be a whole number from 1 to 64, or that and a share of words above 0 and at most 0.9 (4,0.1).',
    );
  return { count: count!, rate };
}

export function augmentFlags(command: Command): Command {
  return command
    .option(
      '--augment <n[,rate]>',
      `add n examples for each of train by EDA, of whose words ${defaultRate} (or rate) are changed: replaced, inserted, swapped, deleted`,
      parseAugment,
    )
    .option(
      '--synonyms <file>',
      'augmenting: a group of synonyms a line, between commas, tabs or spaces (default WordNet, English)',
    )
    .addOption(
      new Option(
        '--augment-unit <unit>',
        'augmenting: what is changed at a time in Chinese, Japanese and Thai (default word)',
      ).choices(unitNames),
    );
}

/** @throws VeneerError `usage` for an option that needs --augment. */
export async function resolveAugment(flags: AugmentFlags): Promise<AugmentOptions | undefined> {
  const { augment, augmentUnit, synonyms } = flags;
  if (augment === undefined) {
    const given = synonyms !== undefined ? '--synonyms' : augmentUnit !== undefined ? '--augment-unit' : '';
    if (given !== '') throw new VeneerError('usage', `${given} goes with --augment`);
    return undefined;
  }
  const options = { ...augment, unit: augmentUnit ?? 'word' };
  if (synonyms === undefined) return options;
  const { text, digest } = await readText(await localPath(synonyms, cacheDir));
  return { ...options, synonyms: { text, sha256: digest, file: synonyms } };
}
