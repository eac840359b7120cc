/**
 * The seam of rate limits: token buckets by name. A bucket holds a minute's worth, is full at first and fills evenly.
 * Implementations: memory.ts (one process), store.ts (a fleet); both pass test/limits/rate-limiter.cases.ts.
 */

export interface Bucket {
  /** Names it: tenant, API key and unit, as a part of a store's key, `<tenant>/limits/<key's id>/<unit>`. */
  key: string;
  /** What is counted, as the RateLimit fields call it. */
  unit: 'requests' | 'tokens';
  perMinute: number;
}

export interface Standing {
  /** Whether the cost was taken. */
  allowed: boolean;
  /** Whole units left; 0 in debt. */
  remaining: number;
  /** Until the bucket is full again. */
  resetSeconds: number;
  /** Until the same cost would be taken; 0 where it was. */
  retryAfterSeconds: number;
}

export interface RateLimiter {
  /** Takes the cost where the bucket has it; a cost of 0 asks whether anything is left. */
  take(bucket: Bucket, cost: number): Promise<Standing> | Standing;
  /** Takes what was spent already and is known only now. It may leave a debt, which the next callers wait for. */
  charge(bucket: Bucket, cost: number): Promise<Standing> | Standing;
}
