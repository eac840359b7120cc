/** The results of a batch as they lie in the store: parts that, one after another, are one JSONL file in input order. */
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import { type Batch, isOver, outputKey } from './document.ts';

/** How long the URLs of results may be used. */
const presignedSeconds = 3600;

function resultKeys(batch: Batch): string[] {
  return Array.from({ length: batch.done.parts }, (_, part) => outputKey(batch, part));
}

/** A URL for each part; none where the batch is not over, or the store gives none. */
export async function resultUrls(store: Store, batch: Batch): Promise<string[]> {
  if (!store.presign || !isOver(batch)) return [];
  return Promise.all(resultKeys(batch).map(key => store.presign!(key, presignedSeconds)));
}

/** One part is in memory at a time. @throws VeneerError `conflict` where the batch is not over. */
export function resultStream(store: Store, batch: Batch): ReadableStream<Uint8Array> {
  if (!isOver(batch))
    throw new VeneerError(
      'conflict',
      `${batch.done.parts} of ${batch.parts.length} parts are done: ask for the results when it is over`,
    );
  const keys = resultKeys(batch).values();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const { value: key, done } = keys.next();
      if (done) return controller.close();
      const found = await store.get(key);
      if (!found) throw new VeneerError('unavailable', `${key} is no longer there`);
      controller.enqueue(found.bytes);
    },
  });
}
