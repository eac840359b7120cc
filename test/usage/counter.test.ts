import fc from 'fast-check';
import { describe, expect, it, vi } from 'vitest';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import { compactUsage } from '../../functions/usage/compact.ts';
import { openUsageCounter } from '../../functions/usage/counter.ts';
import { type Counts, type Usage, writeUsage } from '../../functions/usage/document.ts';
import { allKeys, freshStore } from '../artifacts/manifest.ts';

const month = '2027-03';
const acme = { tenant: 'acme', month };
const support = { tenant: 'acme', adapter: 'support' };
const one: Counts = { requests: 1, tokens: 20, windows: 2 };
const times = (n: number): Counts => ({ requests: n, tokens: 20 * n, windows: 2 * n });

function open(store: Store, { flushEveryMs = 3_600_000 } = {}) {
  const clock = { now: new Date('2027-03-15T12:00:00Z') };
  const onFlushError = vi.fn();
  const counter = openUsageCounter({
    store,
    now: () => clock.now,
    flushEveryMs,
    onFlushError,
    retryPauseMs: 1,
  });
  return { clock, counter, onFlushError };
}

/** A store whose writes fail, before they are done or after, while `broken` says so. */
function breakable(store: Store) {
  const state: { broken: 'before' | 'after' | undefined; writes: number; recoversAfter: number } = {
    ...{ broken: undefined, writes: 0, recoversAfter: Number.POSITIVE_INFINITY },
  };
  const breaking: Store = {
    ...store,
    url: store.url,
    async put(...write) {
      if (++state.writes > state.recoversAfter) state.broken = undefined;
      const failure = new VeneerError('unavailable', 'the store is down');
      if (state.broken === 'before') throw failure;
      const etag = await store.put(...write);
      if (state.broken === 'after') throw failure;
      return etag;
    },
  };
  return { store: breaking, state };
}

const plain = (usage: Usage) => Object.fromEntries(usage);

describe('the usage of a month', () => {
  it('is what this process counted and what all processes wrote, each once', async () => {
    const store = freshStore();
    const [a, b] = [open(store).counter, open(store).counter];
    await a.count(support, one);
    await b.count(support, one);
    await b.count({ tenant: 'acme', adapter: 'entities' }, { requests: 1, tokens: 5, windows: 1 });
    expect(plain(await a.read(acme))).toEqual({ support: one });
    await b.flush();
    const both = { support: times(2), entities: { requests: 1, tokens: 5, windows: 1 } };
    expect(plain(await a.read(acme))).toEqual(both);
    await a.flush();
    await a.flush();
    expect(plain(await a.read(acme))).toEqual(both);
    await a.count(support, one);
    expect(plain(await a.read(acme))).toEqual({ ...both, support: times(3) });
    expect(plain(await b.read(acme))).toEqual(both);
  });

  it('is kept apart by tenant and by month, in UTC', async () => {
    const { counter, clock } = open(freshStore());
    await counter.count(support, one);
    await counter.count({ tenant: 'bolt', adapter: 'support' }, times(5));
    clock.now = new Date('2027-03-31T23:59:59.999Z');
    await counter.count(support, one);
    clock.now = new Date('2027-04-01T00:00:00Z');
    await counter.count(support, times(3));
    for (const flushed of [false, true]) {
      if (flushed) await counter.flush();
      expect(plain(await counter.read(acme))).toEqual({ support: times(2) });
      expect(plain(await counter.read({ ...acme, month: '2027-04' }))).toEqual({ support: times(3) });
      expect(plain(await counter.read({ ...acme, tenant: 'bolt' }))).toEqual({ support: times(5) });
      expect(plain(await counter.read({ ...acme, tenant: 'nobody' }))).toEqual({});
    }
  });

  it('loses nothing to a clock that is set back over the end of a month, and forward again', async () => {
    const store = freshStore();
    const { counter, clock } = open(store);
    const march = clock.now;
    for (const now of [march, new Date('2027-04-02'), march, new Date('2027-04-02'), march]) {
      clock.now = now;
      await counter.count(support, one);
      await counter.flush();
    }
    expect(plain(await open(store).counter.read(acme))).toEqual({ support: times(3) });
    expect(plain(await open(store).counter.read({ ...acme, month: '2027-04' }))).toEqual({
      support: times(2),
    });
  });

  it('takes adapters whose names are those of things that every object has', async () => {
    const store = freshStore();
    const { counter } = open(store);
    await counter.count({ tenant: 'acme', adapter: 'constructor' }, one);
    await counter.close();
    expect(plain(await open(store).counter.read(acme))).toEqual({ constructor: one });
  });

  it('keeps no name out of the store’s paths that is no name', async () => {
    const { counter } = open(freshStore());
    for (const tenant of ['../acme', 'acme/keys', '', 'ACME'])
      await expect(counter.read({ tenant, month })).rejects.toMatchObject({ code: 'invalid_request' });
    for (const wrong of ['2027-13', '2027-3', '../keys', '2027-03/..', ''])
      await expect(counter.read({ ...acme, month: wrong })).rejects.toMatchObject({
        code: 'invalid_request',
      });
  });
});

describe('flushing', () => {
  it('writes one object a process and month, however often, and nothing where nothing changed', async () => {
    const { store, state } = breakable(freshStore());
    const { counter } = open(store);
    for (let i = 0; i < 5; i++) {
      await counter.count(support, one);
      await counter.flush();
    }
    await counter.flush();
    expect(state.writes).toBe(5);
    expect(await allKeys(store)).toEqual([
      expect.stringMatching(/^tenants\/acme\/usage\/2027-03\/[0-9a-f]{24}\.json$/),
    ]);
  });

  it('happens by itself every so often', async () => {
    const store = freshStore();
    const { counter } = open(store, { flushEveryMs: 5 });
    await counter.count(support, one);
    await vi.waitFor(async () =>
      expect(plain(await open(store).counter.read(acme))).toEqual({ support: one }),
    );
    await counter.close();
  });

  it('happens with every count where it is set to 0', async () => {
    const store = freshStore();
    const { counter } = open(store, { flushEveryMs: 0 });
    await Promise.all(Array.from({ length: 20 }, () => counter.count(support, one)));
    expect(plain(await open(store).counter.read(acme))).toEqual({ support: times(20) });
  });

  it('at the end asks a store that fails again, and says so where it never comes back', async () => {
    const { store, state } = breakable(freshStore());
    const { counter } = open(store);
    await counter.count(support, one);
    state.broken = 'before';
    state.recoversAfter = 3;
    await counter.close();
    expect(state.writes).toBe(4);
    expect(plain(await open(store).counter.read(acme))).toEqual({ support: one });

    await counter.count(support, one);
    state.broken = 'before';
    state.recoversAfter = Number.POSITIVE_INFINITY;
    await expect(counter.close()).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('loses and doubles nothing, whatever fails and in whatever order', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('count' as const), at: fc.nat(1), adapter: fc.constantFrom('a', 'b') }),
      fc.record({ kind: fc.constant('flush' as const), at: fc.nat(1), wait: fc.boolean() }),
      fc.record({ kind: fc.constant('break' as const), how: fc.constantFrom('before', 'after', undefined) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
        const { store, state } = breakable(freshStore());
        const counters = [open(store).counter, open(store).counter];
        const expected: Record<string, Counts> = {};
        const flushes: Promise<unknown>[] = [];
        let counted = 0;
        for (const step of steps) {
          if (step.kind === 'count') {
            await counters[step.at]!.count({ tenant: 'acme', adapter: step.adapter }, one);
            expected[step.adapter] = times((expected[step.adapter]?.requests ?? 0) + 1);
            counted++;
          } else if (step.kind === 'flush') {
            const flushed = counters[step.at]!.flush().catch(() => {});
            if (step.wait) await flushed;
            else flushes.push(flushed);
          } else state.broken = step.how;
        }
        state.broken = undefined;
        await Promise.all(flushes);
        for (const counter of counters) await counter.close();
        expect(plain(await open(store).counter.read(acme))).toEqual(expected);
        expect(Object.values(expected).reduce((sum, { requests }) => sum + requests, 0)).toBe(counted);
      }),
      { numRuns: 40 },
    );
  });
});

describe('compacting a month that is over', () => {
  const later = new Date('2027-04-03T00:00:00Z');
  const many = async (store: Store) => {
    for (let i = 0; i < 5; i++) {
      const { counter } = open(store);
      await counter.count(support, times(i + 1));
      await counter.count({ tenant: 'acme', adapter: `adapter-${i}` }, one);
      await counter.close();
    }
    return plain(await open(store).counter.read(acme));
  };

  it('leaves one object with the same sums, and can be repeated', async () => {
    const store = freshStore();
    const before = await many(store);
    expect(before.support).toEqual(times(15));
    expect(await compactUsage(store, { ...acme, now: later })).toEqual({ compacted: 5 });
    expect(await allKeys(store)).toHaveLength(1);
    expect(plain(await open(store).counter.read(acme))).toEqual(before);
    expect(await compactUsage(store, { ...acme, now: later })).toEqual({ compacted: 0 });
    expect(plain(await open(store).counter.read(acme))).toEqual(before);
  });

  it('changes no sum where it is cut off after any of its steps, and is finished by the next', async () => {
    for (let steps = 0; steps < 7; steps++) {
      const store = freshStore();
      const before = await many(store);
      let left = steps;
      const spend = () => {
        if (left-- <= 0) throw new Error('cut off');
      };
      const cut: Store = {
        ...store,
        url: store.url,
        put: async (...write) => {
          spend();
          return store.put(...write);
        },
        delete: async key => {
          spend();
          return store.delete(key);
        },
      };
      await compactUsage(cut, { ...acme, now: later }).catch(() => {});
      expect(plain(await open(store).counter.read(acme))).toEqual(before);
      await compactUsage(store, { ...acme, now: later });
      expect(plain(await open(store).counter.read(acme))).toEqual(before);
      expect(await allKeys(store)).toHaveLength(1);
    }
  });

  it('is refused while the month may still be counted in', async () => {
    const store = freshStore();
    await many(store);
    for (const now of [new Date('2027-03-15'), new Date('2027-04-02T23:59:59Z')])
      await expect(compactUsage(store, { ...acme, now })).rejects.toMatchObject({ code: 'conflict' });
    expect(await allKeys(store)).toHaveLength(5);
  });
});

it('an object that is not of this format is named', async () => {
  const store = freshStore();
  await writeUsage(store, { ...acme, writer: 'abc', usage: new Map([['support', one]]) });
  const [key] = await allKeys(store);
  for (const wrong of [
    '{}',
    'x',
    '{"formatVersion":1,"adapters":{"a":{"requests":-1,"tokens":0,"windows":0}},"replaces":[]}',
  ]) {
    await store.put(key!, new TextEncoder().encode(wrong));
    await expect(open(store).counter.read(acme)).rejects.toMatchObject({
      code: 'invalid_artifact',
      message: expect.stringContaining(key!),
    });
  }
});
