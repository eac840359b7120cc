/** SIGINT and SIGTERM as an AbortSignal, for commands that have something to finish. A second one ends the process at once. */
import { constants } from 'node:os';

export interface Interruptible {
  /** Aborted with the signal's name. */
  signal: AbortSignal;
  /** Gives the signals back. */
  release(): void;
}

export function interruptible(onFirst: (name: NodeJS.Signals) => void): Interruptible {
  const controller = new AbortController();
  const stop = (name: NodeJS.Signals) => {
    // As a shell reports a process that a signal ended.
    if (controller.signal.aborted) process.exit(128 + constants.signals[name]);
    controller.abort(name);
    onFirst(name);
  };
  const names = ['SIGINT', 'SIGTERM'] as const;
  for (const name of names) process.on(name, stop);
  return {
    signal: controller.signal,
    release() {
      for (const name of names) process.off(name, stop);
    },
  };
}
