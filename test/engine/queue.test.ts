import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type BatchLimits, FairQueue, type Waiting } from '../../functions/engine/queue.ts';

interface Entry extends Waiting {
  id: number;
}

const limits: BatchLimits = { maxTokens: 512, maxRows: 64 };
const queueOf = (entries: readonly Partial<Entry>[]) => {
  const queue = new FairQueue<Entry>();
  entries.forEach((entry, id) => {
    queue.push({ tenant: 'acme', kind: 'token', length: 16, id, ...entry });
  });
  return queue;
};
const ids = (entries: readonly Entry[]) => entries.map(entry => entry.id);
const repeat = (count: number, entry: Partial<Entry>) => Array.from({ length: count }, () => entry);

describe('the queue', () => {
  it('gives nothing where nothing waits', () => {
    const queue = queueOf([]);
    expect(queue.take(limits)).toEqual([]);
    expect(queue.size).toBe(0);
  });

  it('serves one tenant in order', () => {
    const queue = queueOf(repeat(40, {}));
    expect(ids(queue.take(limits))).toEqual(Array.from({ length: 32 }, (_, i) => i));
    expect(ids(queue.take(limits))).toEqual([32, 33, 34, 35, 36, 37, 38, 39]);
    expect(queue.size).toBe(0);
  });

  it('puts rows together that share every part that both have', () => {
    const queue = queueOf([
      {},
      { parts: { lora: 'qv 8' } },
      { parts: { prefix: '8' } },
      { parts: { lora: 'qkvo 8' } },
      { parts: { lora: 'qv 8', prefix: '8' } },
      { parts: { prefix: '16' } },
    ]);
    expect(ids(queue.take(limits))).toEqual([0, 1, 2, 4]);
    expect(ids(queue.take(limits))).toEqual([3, 5]);
  });

  it('lets tenants take turns, a row a turn', () => {
    const queue = queueOf([...repeat(6, { tenant: 'a' }), ...repeat(2, { tenant: 'b' }), { tenant: 'c' }]);
    const tenants = queue.take({ maxTokens: 16 * 6, maxRows: 64 }).map(entry => entry.tenant);
    expect(tenants).toEqual(['a', 'b', 'c', 'a', 'b', 'a']);
  });

  it.each([
    ['of the same kind', { kind: 'token', length: 16 }],
    ['of another kind', { kind: 'pooled', length: 16 }],
    ['of another length', { kind: 'token', length: 300 }],
  ])("delays another tenant's single row %s by one batch at most behind a thousand", (_what, single) => {
    const queue = queueOf(repeat(1000, { tenant: 'flood' }));
    queue.push({ tenant: 'other', id: -1, ...single });
    const batches = [queue.take(limits), queue.take(limits)];
    expect(batches.flatMap(ids)).toContain(-1);
  });

  it('runs a row that is longer than a whole batch, alone', () => {
    const queue = queueOf([{ length: 2000 }, { length: 2000 }, { length: 16 }]);
    expect(ids(queue.take(limits))).toEqual([0]);
    expect(ids(queue.take(limits))).toEqual([1]);
    expect(ids(queue.take(limits))).toEqual([2]);
  });

  it('gives each of several runners its share of what would not fill a batch for each', () => {
    const four = queueOf(repeat(4, { length: 100 }));
    expect(ids(four.take(limits, { runners: 2 }))).toEqual([0, 1]);
    expect(ids(four.take(limits, { runners: 2 }))).toEqual([2]);
    expect(ids(four.take(limits, { runners: 2 }))).toEqual([3]);
    const many = queueOf(repeat(100, {}));
    expect(many.take(limits, { runners: 2 })).toHaveLength(32);
  });

  it('does not cut what is not worth two batches', () => {
    const queue = queueOf([...repeat(4, {}), { length: 200 }]);
    queue.take(limits);
    expect(ids(queue.take(limits, { runners: 8 }))).toEqual([4]);
    const short = queueOf(repeat(4, {}));
    expect(ids(short.take(limits, { runners: 8 }))).toEqual([0, 1, 2, 3]);
  });

  it('finds rows of like length on both sides of the first', () => {
    const queue = queueOf([100, 30, 92, 110, 99, 400].map(length => ({ length })));
    expect(ids(queue.take({ maxTokens: 1000, maxRows: 8 }))).toEqual([0, 2, 3, 4]);
  });

  it('runs the background only where nothing else waits', () => {
    const queue = queueOf([
      ...repeat(3, { tenant: 'batch', priority: 'background' }),
      ...repeat(2, { tenant: 'acme' }),
      { tenant: 'bolt', priority: 'interactive', length: 300 },
    ]);
    expect(queue.interactiveSize).toBe(3);
    expect(ids(queue.take(limits))).toEqual([3, 4]);
    expect(ids(queue.take(limits))).toEqual([5]);
    expect(queue.size).toBe(3);
    expect(ids(queue.take(limits))).toEqual([0, 1, 2]);
    expect(queue.size).toBe(0);
  });

  it('never shares a batch between the background and the others', () => {
    const queue = queueOf([{ priority: 'background' }, {}, { priority: 'background' }, {}]);
    expect(ids(queue.take(limits))).toEqual([1, 3]);
    expect(ids(queue.take(limits))).toEqual([0, 2]);
  });

  it('leaves the background where it would wait behind another batch', () => {
    const queue = queueOf([{ priority: 'background' }]);
    expect(queue.take(limits, { busy: true })).toEqual([]);
    expect(ids(queue.take(limits))).toEqual([0]);
  });

  it('gives the background one batch of 16 however many others wait, on a busy runner as well', () => {
    const queue = queueOf([
      ...repeat(10, { tenant: 'batch', priority: 'background' }),
      ...repeat(100, { tenant: 'acme' }),
    ]);
    const taken = Array.from(
      { length: 48 },
      () => queue.take({ maxTokens: 16, maxRows: 1 }, { busy: true })[0]!,
    );
    const background = taken.flatMap(({ priority }, at) => (priority === 'background' ? [at] : []));
    expect(background).toEqual([15, 31, 47]);
  });

  it('owes the background nothing for the time in which none of it waited', () => {
    const queue = queueOf(repeat(100, { tenant: 'acme' }));
    for (let i = 0; i < 30; i++) queue.take({ maxTokens: 16, maxRows: 1 });
    queue.push({ tenant: 'batch', kind: 'token', length: 16, id: -1, priority: 'background' });
    const taken = Array.from({ length: 16 }, () => queue.take({ maxTokens: 16, maxRows: 1 }));
    expect(taken.flatMap(ids).indexOf(-1)).toBe(15);
  });

  it('lets tenants take turns in the background, too', () => {
    const queue = queueOf([
      ...repeat(3, { tenant: 'a', priority: 'background' }),
      { tenant: 'b', priority: 'background' },
    ]);
    expect(queue.take({ maxTokens: 16 * 3, maxRows: 64 }).map(({ tenant }) => tenant)).toEqual([
      'a',
      'b',
      'a',
    ]);
  });

  it('takes out what matches and keeps the rest in order', () => {
    const queue = queueOf([{ tenant: 'a' }, { tenant: 'b' }, { tenant: 'a' }, { tenant: 'a' }]);
    expect(ids(queue.remove(({ id }) => id === 0 || id === 1))).toEqual([0, 1]);
    expect(queue.size).toBe(2);
    expect(ids(queue.take(limits))).toEqual([2, 3]);
  });
});

const anyEntry = fc.record({
  tenant: fc.constantFrom('a', 'b', 'c', 'd'),
  kind: fc.constantFrom('pooled qv 8 2', 'pooled qv 8 3', 'token qkvo 4 9'),
  length: fc.integer({ min: 2, max: 600 }),
  priority: fc.constantFrom(undefined, 'interactive' as const, 'background' as const),
});
const anyLimits = fc.record({
  maxTokens: fc.integer({ min: 1, max: 1000 }),
  maxRows: fc.integer({ min: 1, max: 64 }),
});
type Step = { push: Partial<Entry>[] } | { take: BatchLimits } | { remove: number };
const anySteps = fc.array<Step>(
  fc.oneof(
    fc.record({ push: fc.array(anyEntry, { maxLength: 20 }) }),
    fc.record({ take: anyLimits }),
    fc.record({ remove: fc.integer({ min: 2, max: 9 }) }),
  ),
  { maxLength: 30 },
);

describe('whatever is pushed, taken and removed', () => {
  it('every entry comes out once, in batches within their limits, of one kind and like length', () => {
    fc.assert(
      fc.property(anySteps, steps => {
        const queue = new FairQueue<Entry>();
        const waiting = new Map<number, Entry>();
        let next = 0;
        const out = (entries: readonly Entry[]) => {
          for (const { id } of entries) expect(waiting.delete(id)).toBe(true);
        };
        const take = ({ maxTokens, maxRows }: BatchLimits) => {
          const batch = queue.take({ maxTokens, maxRows });
          expect(batch.length > 0).toBe(waiting.size > 0);
          out(batch);
          if (batch.length < 2) return;
          const lengths = batch.map(entry => entry.length);
          const longest = Math.max(...lengths);
          expect(batch.length).toBeLessThanOrEqual(maxRows);
          expect(batch.length * longest).toBeLessThanOrEqual(maxTokens);
          expect(new Set(batch.map(entry => entry.kind)).size).toBe(1);
          expect(Math.min(...lengths)).toBeGreaterThanOrEqual(0.8 * longest - 2);
        };
        for (const step of steps) {
          if ('push' in step)
            for (const entry of step.push) {
              const whole = { ...entry, id: next++ } as Entry;
              waiting.set(whole.id, whole);
              queue.push(whole);
            }
          else if ('take' in step) take(step.take);
          else {
            const removed = queue.remove(({ id }) => id % step.remove === 0);
            expect(ids(removed).every(id => id % step.remove === 0)).toBe(true);
            out(removed);
            expect([...waiting.keys()].some(id => id % step.remove === 0)).toBe(false);
          }
          expect(queue.size).toBe(waiting.size);
        }
        while (waiting.size > 0) take(limits);
      }),
    );
  });

  it('every tenant has a row out within as many batches as there are tenants', () => {
    fc.assert(
      fc.property(fc.array(anyEntry, { minLength: 1, maxLength: 60 }), anyLimits, (entries, some) => {
        const queue = queueOf(entries.map(entry => ({ ...entry, priority: undefined })));
        const tenants = new Set(entries.map(entry => entry.tenant));
        const served = new Set([...tenants].flatMap(() => queue.take(some).map(entry => entry.tenant)));
        expect(served).toEqual(tenants);
      }),
    );
  });
});
