/** Makes one object of the many that processes left of a month that is over. Safe to stop at any point, and to repeat. */

import { sha256 } from '../artifacts/digest.ts';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import {
  deleteDocument,
  monthOf,
  readDocuments,
  sumOf,
  type UsagePlace,
  usageWriters,
  writeUsage,
} from './document.ts';

/** By then every process that counted in the month has written it: they flush every few minutes at most. */
const settledAfterMs = 2 * 24 * 3600 * 1000;

/** Returns how many objects became one. @throws VeneerError `conflict` where the month may still be written to. */
export async function compactUsage(
  store: Store,
  { now, ...place }: UsagePlace & { now: Date },
): Promise<{ compacted: number }> {
  if (place.month >= monthOf(new Date(now.getTime() - settledAfterMs)))
    throw new VeneerError(
      'conflict',
      `${place.month} may still be counted in: wait until the month is two days past`,
    );
  const documents = await readDocuments(store, place);
  const replaces = [...documents.keys()].sort();
  // From what it replaces, so that two compactions at once write the same object.
  const writer = sha256(replaces.join(','));
  if (replaces.length > 1)
    await writeUsage(store, { ...place, writer, usage: sumOf(documents.values()), replaces });
  // The sum counts alone from here on, whatever of the rest is deleted: also what an earlier run left.
  const counting = new Set((await readDocuments(store, place)).keys());
  for (const each of await usageWriters(store, place))
    if (!counting.has(each)) await deleteDocument(store, place, each);
  return { compacted: replaces.length > 1 ? replaces.length : 0 };
}
