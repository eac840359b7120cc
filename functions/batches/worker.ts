/** Works on batches for as long as a server runs: looks for them now and then, and at once where one was accepted here. */
import { setTimeout as sleep } from 'node:timers/promises';
import { processBatches } from './process.ts';
import type { BatchWork } from './work.ts';

export interface BatchWorker {
  /** There is a new batch. */
  wake(): void;
  /** Gives back what it works on; another process goes on with it. */
  close(): Promise<void>;
}

/** Batches of other processes that died, or that take batches and work on none, wait for this long. */
const lookEveryMs = 15_000;

export function startBatchWorker(work: BatchWork): BatchWorker {
  const stop = new AbortController();
  let wake = new AbortController();
  const run = async () => {
    while (!stop.signal.aborted) {
      wake = new AbortController();
      const woken = AbortSignal.any([stop.signal, wake.signal]);
      await processBatches(work, { signal: stop.signal }).catch(work.onError);
      await sleep(lookEveryMs, undefined, { signal: woken, ref: false }).catch(() => {});
    }
  };
  const running = run();
  return {
    wake: () => wake.abort(),
    async close() {
      stop.abort();
      await running;
    },
  };
}
