/** Both limiters against one definition of a bucket; fast-check compares them with a plain simulation of it. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openMemoryLimiter } from '../../functions/limits/memory.ts';
import type { Bucket, RateLimiter } from '../../functions/limits/rate-limiter.ts';
import { openStoreLimiter } from '../../functions/limits/store.ts';
import type { Store } from '../../functions/store/store.ts';
import { freshStore } from '../artifacts/manifest.ts';

const bucket: Bucket = { key: 'acme/limits/aa/requests', unit: 'requests', perMinute: 60 };
const startMs = 1_800_000_000_000;

function open(kind: 'memory' | 'store', store: Store = freshStore()) {
  const clock = { ms: startMs };
  const limiter: RateLimiter =
    kind === 'memory'
      ? openMemoryLimiter({ uptimeMs: () => clock.ms })
      : openStoreLimiter({ store, now: () => new Date(clock.ms) });
  return { clock, limiter };
}

describe.each(['memory', 'store'] as const)('a limiter in the %s', kind => {
  it('gives a minute’s worth at once, then one as each is filled in', async () => {
    const { clock, limiter } = open(kind);
    for (let i = 59; i >= 0; i--)
      expect(await limiter.take(bucket, 1)).toEqual({
        ...{ allowed: true, remaining: i, resetSeconds: 60 - i, retryAfterSeconds: 0 },
      });
    const refused = { allowed: false, remaining: 0, resetSeconds: 60, retryAfterSeconds: 1 };
    expect(await limiter.take(bucket, 1)).toEqual(refused);
    clock.ms += 999;
    expect(await limiter.take(bucket, 1)).toMatchObject({ allowed: false });
    clock.ms += 1;
    expect(await limiter.take(bucket, 1)).toMatchObject({ allowed: true });
    expect(await limiter.take(bucket, 1)).toMatchObject({ allowed: false });
  });

  it('never has more than a minute’s worth', async () => {
    const { clock, limiter } = open(kind);
    await limiter.take(bucket, 60);
    clock.ms += 3_600_000;
    expect(await limiter.take(bucket, 60)).toMatchObject({ allowed: true, remaining: 0 });
    expect(await limiter.take(bucket, 1)).toMatchObject({ allowed: false });
  });

  it('charges into debt, and says how long until anything is left', async () => {
    const { clock, limiter } = open(kind);
    expect(await limiter.take(bucket, 0)).toMatchObject({ allowed: true, remaining: 60 });
    expect(await limiter.charge(bucket, 90)).toEqual({
      ...{ allowed: true, remaining: 0, resetSeconds: 90, retryAfterSeconds: 0 },
    });
    expect(await limiter.take(bucket, 0)).toMatchObject({ allowed: false, retryAfterSeconds: 31 });
    clock.ms += 30_999;
    expect(await limiter.take(bucket, 0)).toMatchObject({ allowed: false, retryAfterSeconds: 1 });
    clock.ms += 1;
    expect(await limiter.take(bucket, 0)).toMatchObject({ allowed: true });
  });

  it('keeps buckets of keys, tenants and units apart', async () => {
    const { limiter } = open(kind);
    await limiter.take(bucket, 60);
    for (const other of [
      { ...bucket, key: 'acme/limits/bb/requests' },
      { ...bucket, key: 'bolt/limits/aa/requests' },
      { ...bucket, key: 'acme/limits/aa/tokens', unit: 'tokens' as const },
    ])
      expect(await limiter.take(other, 60)).toMatchObject({ allowed: true });
    expect(await limiter.take(bucket, 1)).toMatchObject({ allowed: false });
  });

  it('neither locks out nor opens up for a clock that jumps', async () => {
    const { clock, limiter } = open(kind);
    await limiter.take(bucket, 60);
    clock.ms -= 3_600_000;
    expect(await limiter.take(bucket, 1)).toMatchObject({ allowed: false, retryAfterSeconds: 1 });
    await limiter.charge(bucket, 1);
    clock.ms += 2_000;
    expect(await limiter.take(bucket, 1)).toMatchObject({ allowed: true });
    clock.ms += 1e12;
    expect(await limiter.take(bucket, 60)).toMatchObject({ allowed: true });
    expect(await limiter.take(bucket, 1)).toMatchObject({ allowed: false });
  });

  it('allows in any run of requests exactly what a bucket filled drop by drop allows', async () => {
    const step = fc.record({
      waitMs: fc.integer({ min: 0, max: 40_000 }),
      cost: fc.integer({ min: 1, max: 20 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async steps => {
        const { clock, limiter } = open(kind);
        // In thousandths of a unit, one a millisecond at 60 a minute: whole numbers, no rounding.
        let level = 60_000;
        for (const { waitMs, cost } of steps) {
          clock.ms += waitMs;
          level = Math.min(60_000, level + waitMs);
          const fits = level >= cost * 1000;
          if (fits) level -= cost * 1000;
          const { allowed, remaining } = await limiter.take(bucket, cost);
          expect({ allowed, remaining }).toEqual({ allowed: fits, remaining: Math.floor(level / 1000) });
        }
      }),
      { numRuns: kind === 'memory' ? 200 : 10 },
    );
  });
});

it('a limiter in the memory forgets full buckets, not the one that is in use, and stays bounded', async () => {
  const { clock, limiter } = open('memory');
  const used = { ...bucket, key: 'acme/limits/used/requests' };
  for (let i = 0; i < 100_000; i++) await limiter.take({ ...bucket, key: `acme/limits/${i}/requests` }, 1);
  clock.ms += 60_000;
  await limiter.take(used, 60);
  expect(await limiter.take({ ...bucket, key: 'one/limits/more/requests' }, 1)).toMatchObject({
    allowed: true,
  });
  expect(await limiter.take(used, 1)).toMatchObject({ allowed: false });
});

describe('a limiter in the store', () => {
  it('lets no more through in several processes than in one', async () => {
    const store = freshStore();
    const limiters = Array.from({ length: 4 }, () => open('store', store).limiter);
    const small = { ...bucket, perMinute: 6 };
    const outcomes = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        try {
          return (await limiters[i % 4]!.take(small, 1)).allowed;
        } catch (error) {
          expect(error).toMatchObject({ code: 'rate_limited' });
          return false;
        }
      }),
    );
    const allowed = outcomes.filter(Boolean).length;
    expect(allowed).toBeGreaterThan(0);
    expect(allowed).toBeLessThanOrEqual(6);
    const [left] = [await limiters[0]!.take(small, 0)];
    expect(left!.remaining).toBe(6 - allowed);
  });

  it('refuses, rather than lets through, where every try meets another writer', async () => {
    const store = freshStore();
    const contended: Store = {
      ...store,
      url: store.url,
      async get(key) {
        const found = await store.get(key);
        await store.put(key, new TextEncoder().encode(JSON.stringify({ units: 50, atMs: Math.random() })));
        return found;
      },
    };
    const { limiter } = open('store', contended);
    await expect(limiter.take(bucket, 1)).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterSeconds: 1,
    });
  });

  it('writes nothing for what it refuses', async () => {
    const store = freshStore();
    let writes = 0;
    const counting: Store = {
      ...store,
      url: store.url,
      put: (...write) => {
        writes++;
        return store.put(...write);
      },
    };
    const { limiter } = open('store', counting);
    await limiter.take(bucket, 60);
    for (let i = 0; i < 5; i++) expect(await limiter.take(bucket, 1)).toMatchObject({ allowed: false });
    expect(writes).toBe(1);
  });
});
