/** Options of `train` for few examples a class. */
import { type Command, Option } from 'commander';
import * as z from 'zod';
import { VeneerError } from '../../functions/error.ts';
import { readText } from '../data/files.ts';
import { parseJson } from '../data/json.ts';
import { localPath } from '../data/remote.ts';
import type { FewShotOptions } from '../few-shot/choice.ts';
import type { Verbalizer } from '../few-shot/cloze.ts';
import { flagOf } from '../flag-name.ts';
import { cacheDir, whole } from './command.ts';

export interface FewShotFlags {
  fewShot?: boolean;
  contrastiveSteps?: number;
  perClass?: number;
  template?: string;
  verbalizer?: string;
}

/** Peak rate of few examples a class, in usual ones of the method. */
export const fewShotRate = 2;

export function fewShotFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--few-shot',
        'for few examples a class: the head begins at the prototypes of the classes, names of labels are examples, 10 epochs at twice the usual rate with --dropout 0.1',
      ).implies({ epochs: 10, dropout: 0.1 }),
    )
    .option(
      '--contrastive-steps <n>',
      'few-shot: steps before, which move texts of a class together (default by examples a class)',
      whole(0, 1_000_000),
    )
    .option(
      '--template <template>',
      'few-shot: a blank to fill in around each text, "{text} It was [MASK].", with the masked-language head of the base',
    )
    .option(
      '--verbalizer <words>',
      'few-shot: the word of each label in the blank, positive=great,negative=bad, or a JSON file {"positive": "great"}',
    )
    .option(
      '--per-class <n>',
      'keep n examples of each class of train, drawn by --seed',
      whole(1, 1_000_000),
    );
}

/** @throws VeneerError `usage` for an option that needs another. */
export async function resolveFewShot(flags: FewShotFlags): Promise<FewShotOptions | undefined> {
  const { fewShot, contrastiveSteps, template, verbalizer } = flags;
  if (!fewShot) {
    const given = Object.entries({ contrastiveSteps, template, verbalizer }).find(
      ([, value]) => value !== undefined,
    );
    if (given) throw new VeneerError('usage', `--${flagOf(given[0])} goes with --few-shot`);
    return undefined;
  }
  if ((template === undefined) !== (verbalizer === undefined))
    throw new VeneerError('usage', '--template and --verbalizer go together');
  return {
    ...(contrastiveSteps === undefined ? {} : { contrastiveSteps }),
    ...(template === undefined ? {} : { cloze: { template, verbalizer: await readVerbalizer(verbalizer!) } }),
  };
}

async function readVerbalizer(given: string): Promise<Verbalizer> {
  if (!given.includes('=')) return wordsIn(given);
  const pairs = given.split(',').map(part => {
    const at = part.lastIndexOf('=');
    return [part.slice(0, Math.max(0, at)).trim(), part.slice(at + 1).trim()] as const;
  });
  const bad = pairs.find(([label, word]) => label === '' || word === '');
  if (bad)
    throw new VeneerError(
      'usage',
      `--verbalizer ${given}: a label, = and a word are expected between commas (positive=great,negative=bad)`,
    );
  return Object.fromEntries(pairs);
}

async function wordsIn(file: string): Promise<Verbalizer> {
  const parsed = z
    .record(z.string(), z.string().trim().min(1))
    .safeParse(parseJson((await readText(await localPath(file, cacheDir))).text, file));
  if (parsed.success) return parsed.data;
  throw new VeneerError('invalid_data', `${file}: an object of words by label is expected`);
}
