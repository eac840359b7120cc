/** Stopping a run by SIGINT or SIGTERM: after its step and its checkpoint, with an exit code that says so. */
import { VeneerError } from '../functions/error.ts';
import type { FitState } from './fit-state.ts';

export type StopSignal = 'SIGINT' | 'SIGTERM';

/** @param signal Aborted with the name of the process's signal as its reason. */
export function throwIfStopped(signal: AbortSignal | undefined, { optimizer: { steps } }: FitState): void {
  if (!signal?.aborted) return;
  const name: StopSignal = signal.reason;
  const how =
    steps === 0
      ? 'before the first step'
      : `after step ${steps}, which the checkpoint has; the same command with --resume goes on from there`;
  throw new VeneerError(name === 'SIGINT' ? 'interrupted' : 'terminated', `stopped by ${name} ${how}`);
}
