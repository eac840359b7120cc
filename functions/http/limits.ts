/**
 * What one key may ask for: requests and tokens a minute, and requests at once. Tokens are known only when they are
 * computed: they are charged then, and a key in debt waits. Header fields by draft-ietf-httpapi-ratelimit-headers.
 */
import { createMiddleware } from 'hono/factory';
import type { Rate } from '../artifacts/manifests.ts';
import { VeneerError } from '../error.ts';
import type { Bucket, Standing } from '../limits/rate-limiter.ts';
import type { RequestEnv } from './context.ts';
import { setField } from './fields.ts';
import type { Identity } from './identity.ts';
import type { Services } from './services.ts';

/** The limits of one identity, worked out once for as long as it is believed. */
interface Limited {
  buckets: readonly Bucket[];
  /** Which of them is charged for tokens; -1 where none is. */
  tokensAt: number;
  /** The RateLimit-Policy field. */
  policy: string;
}

export function limitRates({ limiter, limits }: Pick<Services, 'limiter' | 'limits'>) {
  const running = new Map<string, { requests: number }>();
  const known = new WeakMap<Identity, Limited>();

  const limitedOf = (identity: Identity): Limited => {
    const before = known.get(identity);
    if (before) return before;
    const buckets = bucketsOf(identity, limits.rate);
    const policy = buckets.map(({ unit, perMinute }) => `"${unit}";q=${perMinute};w=60`).join(', ');
    const tokensAt = buckets.findIndex(({ unit }) => unit === 'tokens');
    const limited = { buckets, tokensAt, policy };
    known.set(identity, limited);
    return limited;
  };

  return createMiddleware<RequestEnv>(async (c, next) => {
    const identity = c.get('identity');
    const { buckets, tokensAt, policy } = limitedOf(identity);
    const show = (standings: readonly Standing[]) => setField(c, 'ratelimit', shown(buckets, standings));
    const leave = enter(running, { id: identity.id, max: limits.maxConcurrent });
    try {
      if (buckets.length === 0) return await next();
      setField(c, 'ratelimit-policy', policy);
      const standings: Standing[] = [];
      for (const bucket of buckets) {
        const standing = await limiter.take(bucket, bucket.unit === 'requests' ? 1 : 0);
        standings.push(standing);
        if (standing.allowed) continue;
        show(standings);
        throw new VeneerError(
          'rate_limited',
          `this key may have ${bucket.perMinute} ${bucket.unit} a minute: wait and retry`,
          { retryAfterSeconds: standing.retryAfterSeconds },
        );
      }
      if (tokensAt < 0) {
        show(standings);
        return await next();
      }
      // A prediction takes its fields with it: it is told when it is charged.
      let charged = false;
      c.set('chargeTokens', async tokens => {
        charged = true;
        standings[tokensAt] = await limiter.charge(buckets[tokensAt]!, tokens);
        show(standings);
      });
      await next();
      if (!charged) show(standings);
    } finally {
      leave();
    }
  });
}

/** Returns what is to be called when the request has ended. */
function enter(
  running: Map<string, { requests: number }>,
  { id, max }: { id: string; max: number },
): () => void {
  const mine = running.get(id) ?? { requests: 0 };
  if (mine.requests >= max)
    throw new VeneerError(
      'rate_limited',
      `this key has ${mine.requests} requests under way: wait for one of them`,
      { retryAfterSeconds: 1 },
    );
  mine.requests++;
  running.set(id, mine);
  return () => {
    if (--mine.requests === 0) running.delete(id);
  };
}

function bucketsOf({ id, tenant, rate }: Identity, everyones: Rate): Bucket[] {
  const { requestsPerMinute, tokensPerMinute } = rate ?? everyones;
  const bucket = (unit: Bucket['unit'], perMinute: number | null): Bucket[] =>
    perMinute === null ? [] : [{ key: `${tenant}/limits/${id}/${unit}`, unit, perMinute }];
  return [...bucket('tokens', tokensPerMinute), ...bucket('requests', requestsPerMinute)];
}

function shown(buckets: readonly Bucket[], standings: readonly Standing[]): string {
  return standings
    .map(({ remaining, resetSeconds }, i) => `"${buckets[i]!.unit}";r=${remaining};t=${resetSeconds}`)
    .join(', ');
}
