/**
 * Works through all batches, a part at a time: in each round every tenant's oldest batch that nobody works on has a turn,
 * so that a long one delays another tenant's by one part at most.
 */
import { VeneerError } from '../error.ts';
import { deleteExpired, settle } from './ending.ts';
import { type Marker, markers } from './markers.ts';
import { takeTurn } from './turn.ts';
import type { BatchWork } from './work.ts';

export interface ProcessOptions {
  signal: AbortSignal;
  /** No part is begun after this: milliseconds since 1970. Left out: until nothing is left to do. */
  untilMs?: number | undefined;
}

/** Returns when there is nothing more to do here and now, with the parts that it answered. */
export async function processBatches(
  work: BatchWork,
  { signal, untilMs = Number.POSITIVE_INFINITY }: ProcessOptions,
): Promise<number> {
  const goesOn = () => !signal.aborted && work.now().getTime() < untilMs;
  let parts = 0;
  await deleteExpired(work);
  for (let before = -1; before < parts && goesOn(); ) {
    before = parts;
    for (const waiting of await openByTenant(work)) {
      for (const marker of waiting) {
        if (!goesOn()) return parts;
        if (await turn(work, marker, signal)) {
          parts++;
          break;
        }
      }
    }
  }
  return parts;
}

async function openByTenant({ store }: BatchWork): Promise<Marker[][]> {
  const tenants = new Map<string, Marker[]>();
  for await (const marker of markers(store, 'open')) {
    const own = tenants.get(marker.tenant);
    if (own) own.push(marker);
    else tenants.set(marker.tenant, [marker]);
  }
  return [...tenants.values()];
}

/** A batch that fails is passed over, and tried again another time; a batch that is damaged stops no other. */
async function turn(work: BatchWork, marker: Marker, signal: AbortSignal): Promise<boolean> {
  try {
    return (await settle(work, marker)) && (await takeTurn(work, marker, signal));
  } catch (error) {
    const where = `batch ${marker.id} of tenant ${marker.tenant} did not come forward`;
    work.onError(new VeneerError('unavailable', where, { cause: error }));
    return false;
  }
}
