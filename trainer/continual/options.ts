/** What a run does against forgetting what `--from` learned, and the method of a run that grows. */
import { VeneerError } from '../../functions/error.ts';
import type { MethodSpec } from '../methods/methods.ts';
import type { Trained } from '../trained.ts';

/** Any of them, at 0 too, says that labels of before may be without an example. */
export interface ContinualOptions {
  /** Examples to keep of the run's data, for runs that go on from it. */
  replay?: number;
  /** Weight of elastic weight consolidation. */
  ewc?: number;
  /** Weight of the orthogonality of a LoRA pair of its own to those of before. */
  orthogonal?: number;
}

export const isContinual = ({ replay, ewc, orthogonal }: ContinualOptions): boolean =>
  [replay, ewc, orthogonal].some(option => option !== undefined);

const largestRank = 64;

/** Alpha grows with the rank, so that the pairs of before are scaled as they were. */
export function grownMethod(from: Trained, newRank: number): MethodSpec {
  const { method } = from;
  if (method.name !== 'lora')
    throw new VeneerError(
      'usage',
      `--orthogonal goes with --method lora, --from ${from.name} is ${method.name}`,
    );
  const rank = method.rank + newRank;
  if (rank > largestRank)
    throw new VeneerError(
      'usage',
      `--orthogonal: rank ${method.rank} of --from ${from.name} and ${newRank} more are over ${largestRank}: lower --rank`,
    );
  return { ...method, rank, alpha: (method.alpha / method.rank) * rank };
}

/** The rank that `from` added last. */
export function lastRank({ method, manifest }: Trained): number {
  const { newRank } = manifest.training.config;
  return typeof newRank === 'number' ? newRank : 'rank' in method ? method.rank : 0;
}

/** @throws VeneerError `usage` for options that do not go together. */
export function checkContinual({ ewc, orthogonal, method }: ContinualOptions & { method: MethodSpec }): void {
  if (orthogonal === undefined) return;
  if (ewc !== undefined)
    throw new VeneerError(
      'usage',
      '--ewc and --orthogonal: nothing of before moves with --orthogonal, so take one of them',
    );
  if (method.name !== 'lora')
    throw new VeneerError('usage', `--orthogonal goes with --method lora, not with ${method.name}`);
}

/** As a manifest says it. */
export function continualConfig(
  { replay, ewc, orthogonal }: ContinualOptions,
  { method, from }: { method: MethodSpec; from?: Trained | undefined },
): Record<string, number> {
  const grows = orthogonal !== undefined && from && 'rank' in method && 'rank' in from.method;
  return {
    ...(replay === undefined ? {} : { replay }),
    ...(ewc === undefined ? {} : { ewc }),
    ...(orthogonal === undefined ? {} : { orthogonal }),
    ...(grows ? { newRank: method.rank - (from.method as { rank: number }).rank } : {}),
  };
}
