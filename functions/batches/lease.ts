/**
 * The right to work on a batch, for a while that heartbeats extend. It saves work, it does not guard results: those are
 * write-once, so a holder that lost its lease without noticing does no harm.
 */
import { randomUUID } from 'node:crypto';
import {
  type Batch,
  type BatchPlace,
  isOver,
  readBatch,
  replaceBatch,
  type StandingBatch,
} from './document.ts';
import { type BatchWork, defaultBatchTiming } from './work.ts';

export interface Lease {
  /** As it was when the lease was taken. */
  batch: Batch;
  /** Aborts when the batch was cancelled or taken over, or with the signal that it was taken with. */
  signal: AbortSignal;
  /** Writes changes and gives the lease back. False where it was lost before. */
  finish(changes: Partial<Batch>): Promise<boolean>;
}

/** Undefined where another works on the batch, or it is over or gone. */
export async function takeLease(
  { store, now, onError, timing }: Pick<BatchWork, 'store' | 'now' | 'onError' | 'timing'>,
  place: BatchPlace,
  stopped: AbortSignal,
): Promise<Lease | undefined> {
  const { leaseMs, heartbeatMs } = { ...defaultBatchTiming, ...timing };
  const owner = randomUUID();
  const found = await readBatch(store, place);
  if (!found || isOver(found.batch)) return undefined;
  const { lease, startedAt } = found.batch;
  if (lease && Date.parse(lease.until) > now().getTime()) return undefined;
  const extended = () => ({ owner, until: new Date(now().getTime() + leaseMs).toISOString() });
  const taken = await replaceBatch(store, found, {
    state: 'running',
    startedAt: startedAt ?? now().toISOString(),
    lease: extended(),
  });
  if (!taken) return undefined;

  let standing: StandingBatch = taken;
  const lost = new AbortController();
  let beating: Promise<void> = Promise.resolve();
  const beat = async () => {
    const next = await replaceBatch(store, standing, { lease: extended() });
    if (next) standing = next;
    else lost.abort(new Error('the batch was cancelled or taken over'));
  };
  const timer = setInterval(() => {
    beating = beating.then(() => (lost.signal.aborted ? undefined : beat())).catch(onError);
  }, heartbeatMs);
  return {
    batch: taken.batch,
    signal: AbortSignal.any([stopped, lost.signal]),
    async finish(changes) {
      clearInterval(timer);
      await beating;
      if (lost.signal.aborted) return false;
      return (await replaceBatch(store, standing, { ...changes, lease: null })) !== undefined;
    },
  };
}
