/** The arithmetic of a token bucket, apart from where its level is kept and whose clock fills it. */
import type { Bucket, Standing } from './rate-limiter.ts';

export interface Level {
  /** Units in the bucket; below 0 in debt. */
  units: number;
  /** When that was so, by the clock of whoever keeps it. */
  atMs: number;
}

const minuteMs = 60_000;

/** A clock that went back fills nothing, one that went forward fills the bucket at most. */
export function levelAt(known: Level | undefined, { perMinute }: Bucket, nowMs: number): Level {
  if (!known) return { units: perMinute, atMs: nowMs };
  const filled = (Math.max(0, nowMs - known.atMs) * perMinute) / minuteMs;
  return { units: Math.min(perMinute, known.units + filled), atMs: nowMs };
}

/** Rounding of a refill must not cost a caller the unit that it waited for. */
const tolerance = 1e-6;

export function covers({ units }: Level, cost: number): boolean {
  return cost === 0 ? units >= 1 - tolerance : units >= cost - tolerance;
}

/** @param level After the cost was taken, or refused. */
export function standingOf(
  level: Level,
  { perMinute }: Bucket,
  { cost, allowed }: { cost: number; allowed: boolean },
): Standing {
  const secondsFor = (units: number) => Math.max(0, Math.ceil((units * 60) / perMinute - tolerance));
  return {
    allowed,
    remaining: Math.max(0, Math.floor(level.units + tolerance)),
    resetSeconds: secondsFor(perMinute - level.units),
    retryAfterSeconds: allowed ? 0 : Math.max(1, secondsFor(Math.max(1, cost) - level.units)),
  };
}
