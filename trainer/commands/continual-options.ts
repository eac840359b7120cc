/** Options of `train` against forgetting what --from learned. */
import type { Command } from 'commander';
import { VeneerError } from '../../functions/error.ts';
import { type ContinualOptions, checkContinual, grownMethod, lastRank } from '../continual/options.ts';
import type { MethodSpec } from '../methods/methods.ts';
import type { Trained } from '../trained.ts';
import { real, whole } from './command.ts';

export function continualOptions(command: Command): Command {
  return command
    .option(
      '--replay <n>',
      'keep n examples in the run, of each class alike, and train on those that --from kept (0: neither, and forget)',
      whole(0, 1_000_000),
    )
    .option(
      '--ewc <lambda>',
      'measure the Fisher information in the end, and hold what --from learned as strongly (0: measure only)',
      real(0, 1e12),
    )
    .option(
      '--orthogonal <lambda>',
      'learn in LoRA rows of its own, orthogonal to those of --from, which stay; --rank says how many',
      real(0, 1e6),
    );
}

/** The method of the run, whose rank grows with --orthogonal. @throws VeneerError `usage`. */
export function continualMethod(
  flags: ContinualOptions & {
    rank?: number | undefined;
    alpha?: number | undefined;
    rsLora?: boolean | undefined;
  },
  { method, from }: { method: MethodSpec; from?: Trained | undefined },
): MethodSpec {
  checkContinual({ ...flags, method });
  if (flags.orthogonal === undefined || !from) return method;
  if (flags.alpha !== undefined || flags.rsLora)
    throw new VeneerError(
      'usage',
      `--orthogonal: the scale is that of --from ${from.name}: leave --alpha and --rs-lora out`,
    );
  const grown = grownMethod(from, flags.rank ?? lastRank(from));
  return 'rank' in method && 'rank' in grown ? { ...grown, targetModules: method.targetModules } : grown;
}
