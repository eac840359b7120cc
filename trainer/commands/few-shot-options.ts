/** Options of `train` for few examples a class. */
import { type Command, Option } from 'commander';
import { VeneerError } from '../../functions/error.ts';
import type { FewShotOptions } from '../few-shot/choice.ts';
import { whole } from './command.ts';

export interface FewShotFlags {
  fewShot?: boolean;
  contrastiveSteps?: number;
  perClass?: number;
}

export function fewShotFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--few-shot',
        'for few examples a class: the head begins at the prototypes of the classes, names of labels are examples, 10 epochs',
      ).implies({ epochs: 10 }),
    )
    .option(
      '--contrastive-steps <n>',
      'few-shot: steps before, which move texts of a class together (default by examples a class)',
      whole(0, 1_000_000),
    )
    .option(
      '--per-class <n>',
      'keep n examples of each class of train, drawn by --seed',
      whole(1, 1_000_000),
    );
}

/** @throws VeneerError `usage` for an option that needs --few-shot. */
export function resolveFewShot({ fewShot, contrastiveSteps }: FewShotFlags): FewShotOptions | undefined {
  if (fewShot) return contrastiveSteps === undefined ? {} : { contrastiveSteps };
  if (contrastiveSteps !== undefined)
    throw new VeneerError('usage', '--contrastive-steps goes with --few-shot');
  return undefined;
}
