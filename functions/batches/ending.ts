/** How a batch comes to its end, and what happens to it after. */
import {
  type Batch,
  type BatchPlace,
  deleteBatch,
  deleteFiles,
  isOver,
  readBatch,
  replaceBatch,
} from './document.ts';
import { deleteMarker, type Marker, markers, putMarker } from './markers.ts';
import { type BatchWork, defaultBatchTiming } from './work.ts';

type EndingWork = Pick<BatchWork, 'store' | 'now' | 'timing'>;

/** Moves its marker. Safe to repeat. */
export async function markEnded(store: BatchWork['store'], batch: Batch): Promise<void> {
  const { tenant, id, upload, createdAt, endedAt } = batch;
  if (endedAt === null) return;
  await putMarker(store, 'ended', { tenant, id, upload, atMs: Date.parse(endedAt) });
  await deleteMarker(store, 'open', { tenant, id, upload, atMs: Date.parse(createdAt) });
}

/** What was answered by then is kept; of a batch that is over nothing changes. Undefined where there is none. */
export async function cancelBatch({ store, now }: EndingWork, place: BatchPlace): Promise<Batch | undefined> {
  for (;;) {
    const found = await readBatch(store, place);
    if (!found || isOver(found.batch)) return found?.batch;
    const changes = { state: 'cancelled', endedAt: now().toISOString(), lease: null } as const;
    const cancelled = await replaceBatch(store, found, changes);
    if (!cancelled) continue; // A heartbeat came first.
    await markEnded(store, cancelled.batch);
    return cancelled.batch;
  }
}

export function expiryOf({ endedAt }: Batch, { keptMs } = defaultBatchTiming): string | null {
  return endedAt && new Date(Date.parse(endedAt) + keptMs).toISOString();
}

/** Deletes batches that were kept long enough. */
export async function deleteExpired({ store, now, timing }: EndingWork): Promise<void> {
  const { keptMs } = { ...defaultBatchTiming, ...timing };
  for await (const marker of markers(store, 'ended')) {
    if (marker.atMs + keptMs > now().getTime()) return;
    const found = await readBatch(store, marker);
    // Of a batch that was made again with the same Idempotency-Key the new one stays.
    if (found && found.batch.upload !== marker.upload) await deleteFiles(store, marker);
    else await deleteBatch(store, marker);
    await deleteMarker(store, 'ended', marker);
  }
}

/** Puts right what a process left half done. Returns whether there is work behind the marker. */
export async function settle({ store, now, timing }: EndingWork, marker: Marker): Promise<boolean> {
  const { uploadMs } = { ...defaultBatchTiming, ...timing };
  const found = await readBatch(store, marker);
  if (found?.batch.upload === marker.upload) {
    if (!isOver(found.batch)) return true;
    await markEnded(store, found.batch);
    return false;
  }
  // Still being sent, or broken off, or another request with the same Idempotency-Key was first.
  if (marker.atMs + uploadMs <= now().getTime()) {
    await deleteFiles(store, marker);
    await deleteMarker(store, 'open', marker);
  }
  return false;
}
