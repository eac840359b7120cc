/** Rate limits of one process, in its memory. Its clock is monotonic: setting the machine's clock changes nothing. */
import type { Bucket, RateLimiter, Standing } from './rate-limiter.ts';
import { covers, type Level, levelAt, standingOf } from './token-bucket.ts';

/** Past this many, those that are full go, and then the oldest: what they forget is a minute's worth at most. */
const maxBuckets = 100_000;

export function openMemoryLimiter({ uptimeMs }: { uptimeMs(): number }): RateLimiter {
  const levels = new Map<string, Level>();

  const makeRoom = () => {
    const aMinuteAgo = uptimeMs() - 60_000;
    for (const [key, { units, atMs }] of levels) if (units >= 0 && atMs <= aMinuteAgo) levels.delete(key);
    for (const key of levels.keys()) {
      if (levels.size <= maxBuckets * 0.9) break;
      levels.delete(key);
    }
  };

  const spend = (bucket: Bucket, cost: number, always: boolean): Standing => {
    const level = levelAt(levels.get(bucket.key), bucket, uptimeMs());
    const allowed = always || covers(level, cost);
    if (allowed) level.units -= cost;
    levels.set(bucket.key, level);
    if (levels.size > maxBuckets) makeRoom();
    return standingOf(level, bucket, { cost, allowed });
  };

  return {
    take: (bucket, cost) => spend(bucket, cost, false),
    charge: (bucket, cost) => spend(bucket, cost, true),
  };
}
