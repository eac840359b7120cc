/** Options of `train` for what classification learns, and what it reads. */
import { type Command, Option } from 'commander';
import { type Pooling, poolings, problems } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import type { ClassWeights } from '../class-weights.ts';
import { readText } from '../data/files.ts';
import { parseJson } from '../data/json.ts';
import { localPath } from '../data/remote.ts';
import { cacheDir, real } from './command.ts';

export interface TargetFlags {
  classWeights?: string;
  labelSmoothing: number;
  pooling?: Pooling;
}

export function targetFlags(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--problem <problem>',
        'what classification learns (default multi-label where a cell has several labels, else single-label)',
      ).choices(problems),
    )
    .addOption(
      new Option(
        '--pooling <pooling>',
        'what classification reads: the mean of all tokens, or the first (default as the base was trained)',
      ).choices(poolings),
    )
    .option(
      '--class-weights <weights>',
      'balanced, or spam=3,ham=0.5, or a JSON file {"spam": 3, "ham": 0.5}; unnamed labels weigh 1',
    )
    .option('--label-smoothing <x>', 'share of a target that is spread over all classes', real(0, 0.9), 0);
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
