/**
 * Rate limits of a fleet: a level is an object of the store, changed by compare-and-swap. Exact over any number of
 * processes, at a price: a read and a conditional write for what is taken or charged (over S3 some 50 ms each time, and
 * about 6 USD a million), a read for what is refused, and at most some ten changes a second of one key's bucket.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import * as z from 'zod/mini';
import { canonicalJson } from '../artifacts/digest.ts';
import { parseDocument } from '../artifacts/document.ts';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import type { Bucket, RateLimiter, Standing } from './rate-limiter.ts';
import { covers, levelAt, standingOf } from './token-bucket.ts';

const StoredLevel = z.object({ units: z.number(), atMs: z.number() });

const tries = 10;
const firstPauseMs = 4;

/** `now` is the wall clock, the only one that processes share: those that differ by a second count a second wrong. */
export function openStoreLimiter({ store, now }: { store: Store; now(): Date }): RateLimiter {
  const attempt = async (bucket: Bucket, cost: number, always: boolean): Promise<Standing> => {
    const key = `tenants/${bucket.key}.json`;
    const found = await store.get(key);
    const known = found && parseDocument(StoredLevel, found.bytes, key);
    const level = levelAt(known, bucket, now().getTime());
    const allowed = always || covers(level, cost);
    if (allowed && cost > 0) {
      level.units -= cost;
      await store.put(key, canonicalJson(level), found ? { etag: found.etag } : { absent: true });
    }
    return standingOf(level, bucket, { cost, allowed });
  };

  const spend = async (bucket: Bucket, cost: number, always: boolean): Promise<Standing> => {
    for (let tried = 1; ; tried++) {
      try {
        return await attempt(bucket, cost, always);
      } catch (error) {
        if (!(error instanceof VeneerError && error.code === 'conflict')) throw error;
        // A limit that lets go under load is none.
        if (tried === tries)
          throw new VeneerError('rate_limited', 'too many requests of this key at once: send fewer', {
            retryAfterSeconds: 1,
          });
        // Random, so that those who met once do not meet again.
        await sleep(firstPauseMs * 2 ** Math.min(tried, 6) * Math.random());
      }
    }
  };

  return {
    take: (bucket, cost) => spend(bucket, cost, false),
    charge: (bucket, cost) => spend(bucket, cost, true),
  };
}
