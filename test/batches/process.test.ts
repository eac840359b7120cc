/** Working through batches: turns, leases, crashes, cancelling and what goes wrong. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Batch, inputKey, outputKey } from '../../functions/batches/document.ts';
import { cancelBatch } from '../../functions/batches/ending.ts';
import { takeLease } from '../../functions/batches/lease.ts';
import type { AnswerItem } from '../../functions/batches/part.ts';
import { processBatches } from '../../functions/batches/process.ts';
import { resultStream, resultUrls } from '../../functions/batches/results.ts';
import { takeTurn } from '../../functions/batches/turn.ts';
import type { BatchWork } from '../../functions/batches/work.ts';
import { startBatchWorker } from '../../functions/batches/worker.ts';
import { VeneerError } from '../../functions/error.ts';
import { asking, openWorld, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.remove());

const never = new AbortController().signal;
const later = (ms: number) => {
  world.clock.now = new Date(world.clock.now.getTime() + ms);
};
const process = (work: BatchWork = world.work()) => processBatches(work, { signal: never });
/** Work whose answers are these. */
const answering = (answer: AnswerItem) => world.work({ open: async () => answer });
const minuteMs = 60_000;

async function textOf(batch: Batch): Promise<string> {
  return new Response(resultStream(world.store, batch)).text();
}

describe('batches', () => {
  it('are answered line by line, in order, and counted', async () => {
    const batch = await world.accept(asking(7));
    expect(await process()).toBe(3);
    const ended = await world.read(batch);
    expect(ended).toMatchObject({
      state: 'completed',
      done: { parts: 3, succeeded: 7, failed: 0, tokens: 42, windows: 7 },
      endedAt: world.clock.now.toISOString(),
      lease: null,
    });
    const lines = (await textOf(ended))
      .trimEnd()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(lines).toEqual(
      asking(7).map(({ id, inputs }, index) => {
        return { index, id, output: { echo: inputs }, usage: { tokens: 6, windows: 1 }, status: 200 };
      }),
    );
    const requests = world.counted.map(({ counts }) => counts.requests);
    expect(requests).toEqual([3, 3, 1]);
    expect(await world.open()).toEqual([]);
    expect(await process()).toBe(0);
  });

  it('have the error of a line that came bad where its answer would be', async () => {
    const batch = await world.accept('{"inputs": "a"}\n{bad\n{"id": "c", "inputs": "c"}\n');
    await process();
    expect(await world.results(batch)).toEqual([
      expect.objectContaining({ index: 0, output: { echo: 'a' } }),
      { index: 1, id: null, error: { code: 'invalid_json', message: 'the line is not JSON' }, status: 400 },
      expect.objectContaining({ index: 2, id: 'c', status: 200 }),
    ]);
    expect((await world.read(batch)).done).toMatchObject({ succeeded: 2, failed: 1 });
  });

  it('of tenants take turns, a part a turn, and of one tenant the oldest is first', async () => {
    await world.accept(asking(9, 'long'));
    later(1);
    await world.accept(asking(3, 'next'));
    later(1);
    await world.accept(asking(3, 'other'), { tenant: 'bolt' });
    await process();
    const order = world.asked.map(text => String(text).split(' ')[0]);
    expect(order.filter((_, i) => i % 3 === 0)).toEqual(['long', 'other', 'long', 'long', 'next']);
  });

  it('go to the engine in the background, in the name of their tenant', async () => {
    await world.accept(asking(2));
    const runs: unknown[] = [];
    await process(
      answering(async (_asked, { tenant, priority }) => {
        runs.push({ tenant, priority });
        return { output: {}, usage: { tokens: 1, windows: 1 } };
      }),
    );
    expect(runs).toEqual(Array(2).fill({ tenant: 'acme', priority: 'background' }));
  });

  it('are not begun after the time is up, and go on where it is not', async () => {
    const batch = await world.accept(asking(9));
    const work = answering(async () => {
      later(1000);
      return { output: {}, usage: { tokens: 1, windows: 1 } };
    });
    expect(await processBatches(work, { signal: never, untilMs: world.clock.now.getTime() + 4000 })).toBe(2);
    expect((await world.read(batch)).done.parts).toBe(2);
    expect(await process()).toBe(1);
  });
});

describe('a process that dies', () => {
  it('in the middle of a part leaves the batch to another when its lease is over, and stored parts are kept', async () => {
    const batch = await world.accept(asking(7));
    await takeTurn(world.work(), batch, never);
    const first = await world.store.get(outputKey(batch, 0));
    // It takes the lease, and is never heard of again.
    await takeLease(world.work({ timing: { heartbeatMs: 1e9 } }), batch, never);
    expect(await process()).toBe(0);
    later(minuteMs);
    expect(await process()).toBe(2);
    expect(await world.store.get(outputKey(batch, 0))).toEqual(first);
    expect(world.asked).toEqual(asking(7).map(({ inputs }) => inputs));
    expect(await world.read(batch)).toMatchObject({ state: 'completed', done: { succeeded: 7 } });
  });

  it('between storing results and saying so costs no second answer, and counts nothing twice', async () => {
    const batch = await world.accept(asking(4));
    const dying = world.work();
    const put: typeof dying.store.put = async (key, bytes, condition) => {
      const etag = await world.store.put(key, bytes, condition);
      if (key.includes('/output/')) throw new Error('killed');
      return etag;
    };
    await expect(takeTurn({ ...dying, store: { ...world.store, put } }, batch, never)).rejects.toThrow(
      'killed',
    );
    expect((await world.read(batch)).done.parts).toBe(0);
    await process();
    expect(world.asked).toHaveLength(4);
    expect((await world.read(batch)).done).toEqual({
      parts: 2,
      succeeded: 4,
      failed: 0,
      tokens: 24,
      windows: 4,
    });
  });

  it('before it moved the marker of a batch that is over leaves it to the next', async () => {
    const batch = await world.accept(asking(1));
    const deaf: typeof world.store.delete = async () => {
      throw new VeneerError('unavailable', 'no answer');
    };
    await process(world.work({ store: { ...world.store, delete: deaf } }));
    expect((await world.read(batch)).state).toBe('completed');
    expect(await world.open()).toHaveLength(1);
    expect(await process()).toBe(0);
    expect(await world.open()).toEqual([]);
    expect(await world.keys('batches/ended/')).toHaveLength(1);
  });
});

describe('two processes', () => {
  it('never work on one batch at once, and both get on', async () => {
    const batch = await world.accept(asking(30));
    const [one, other] = await Promise.all([process(), process()]);
    expect(one! + other!).toBe(10);
    expect(world.asked.toSorted()).toEqual(
      asking(30)
        .map(({ inputs }) => inputs)
        .toSorted(),
    );
    expect((await world.results(batch)).map(({ index }) => index)).toEqual([...Array(30).keys()]);
    expect((await world.read(batch)).done.succeeded).toBe(30);
  });

  it('keep the results of the first where one lost its lease without noticing', async () => {
    const batch = await world.accept(asking(3));
    let release = () => {};
    const held = new Promise<void>(resolve => {
      release = resolve;
    });
    const slow = answering(async () => {
      await held;
      return { output: 'slow', usage: { tokens: 1, windows: 1 } };
    });
    const sleeping = takeTurn({ ...slow, timing: { heartbeatMs: 1e9 } }, batch, never);
    await expect.poll(async () => (await world.read(batch)).lease).not.toBeNull();
    later(minuteMs);
    expect(await process()).toBe(1);
    release();
    expect(await sleeping).toBe(false);
    expect((await world.results(batch)).every(line => JSON.stringify(line).includes('echo'))).toBe(true);
    expect(world.counted).toHaveLength(1);
    expect((await world.read(batch)).done).toMatchObject({ parts: 1, succeeded: 3 });
  });

  it('do not take over from one that is alive, however long its part takes', async () => {
    const batch = await world.accept(asking(1));
    let release = () => {};
    const held = new Promise<void>(resolve => {
      release = resolve;
    });
    const slow = answering(async () => {
      await held;
      return { output: 'slow', usage: { tokens: 1, windows: 1 } };
    });
    const working = takeTurn({ ...slow, timing: { heartbeatMs: 5 } }, batch, never);
    await expect.poll(async () => (await world.read(batch)).lease).not.toBeNull();
    later(10 * minuteMs);
    // A heartbeat later the lease is of that time.
    await expect
      .poll(async () => Date.parse((await world.read(batch)).lease!.until))
      .toBeGreaterThan(world.clock.now.getTime());
    expect(await process()).toBe(0);
    release();
    expect(await working).toBe(true);
  });
});

describe('a batch that is cancelled', () => {
  it('keeps what was answered, and nothing more is', async () => {
    const batch = await world.accept(asking(7));
    await takeTurn(world.work(), batch, never);
    const cancelled = (await cancelBatch(world.work(), batch))!;
    expect(cancelled).toMatchObject({ state: 'cancelled', endedAt: world.clock.now.toISOString() });
    expect(await process()).toBe(0);
    expect((await textOf(cancelled)).split('\n')).toHaveLength(4);
    expect(await world.open()).toEqual([]);
    later(1);
    expect(await cancelBatch(world.work(), batch)).toEqual(cancelled);
  });

  it('stops the part that is under way', async () => {
    const batch = await world.accept(asking(3));
    const hanging = answering(
      (_asked, { signal }) =>
        new Promise((_resolve, reject) => {
          signal!.addEventListener('abort', () => reject(signal!.reason));
        }),
    );
    const turn = takeTurn({ ...hanging, timing: { heartbeatMs: 5 } }, batch, never);
    await expect.poll(async () => (await world.read(batch)).lease).not.toBeNull();
    await cancelBatch(world.work(), batch);
    expect(await turn).toBe(false);
    expect(await world.read(batch)).toMatchObject({ state: 'cancelled', done: { parts: 0 } });
    expect(await world.results(batch)).toEqual([]);
    expect(world.errors).toEqual([]);
  });

  it('is none where there is none', async () => {
    expect(
      await cancelBatch(world.work(), { tenant: 'acme', id: `batch-${'0'.repeat(32)}` }),
    ).toBeUndefined();
  });
});

describe('what goes wrong', () => {
  it('with the adapter in the middle is the error of all lines that are left', async () => {
    const batch = await world.accept(asking(5));
    await takeTurn(world.work(), batch, never);
    const gone = new VeneerError('not_found', 'this tenant has no adapter support');
    await process(world.work({ open: () => Promise.reject(gone) }));
    expect((await world.results(batch)).map(({ status }) => status)).toEqual([200, 200, 200, 404, 404]);
    expect(await world.read(batch)).toMatchObject({ state: 'completed', done: { succeeded: 3, failed: 2 } });
  });

  it('with the base leaves the batch as it is, stops no other and is tried again', async () => {
    const batch = await world.accept(asking(2));
    const other = await world.accept(asking(2), { tenant: 'bolt' });
    const { open } = world.work();
    const work = world.work({
      async open(asked) {
        if (asked.tenant === 'acme') throw new VeneerError('unavailable', 'the base cannot be opened');
        return open(asked);
      },
    });
    expect(await process(work)).toBe(1);
    expect(world.errors.length).toBeGreaterThan(0);
    expect((await world.read(other)).state).toBe('completed');
    expect(await world.read(batch)).toMatchObject({ state: 'running', lease: null, done: { parts: 0 } });
    expect(await process()).toBe(1);
  });

  it('with one line is the error of that line', async () => {
    const batch = await world.accept(asking(3));
    await process(
      answering(async ({ inputs }) => {
        if (inputs === 'text 1') throw new TypeError('a bug, with a text in its message');
        return { output: {}, usage: { tokens: 1, windows: 1 } };
      }),
    );
    const lines = await world.results(batch);
    expect(lines.map(({ status }) => status)).toEqual([200, 500, 200]);
    expect(lines[1]).toMatchObject({ error: { code: 'internal' } });
    expect(JSON.stringify(lines)).not.toContain('a bug');
    expect(world.errors).toEqual([expect.any(TypeError)]);
  });

  it('for the moment is waited out: a full engine for as long as it takes, a failing one for three tries', async () => {
    const batch = await world.accept(asking(2));
    const tries = new Map<unknown, number>();
    await process(
      answering(async ({ inputs }) => {
        const tried = (tries.get(inputs) ?? 0) + 1;
        tries.set(inputs, tried);
        if (inputs === 'text 0' && tried < 5) throw new VeneerError('rate_limited', 'the engine is full');
        if (inputs === 'text 1') throw new VeneerError('unavailable', 'the engine failed to run a batch');
        return { output: {}, usage: { tokens: 1, windows: 1 } };
      }),
    );
    expect([...tries.values()]).toEqual([5, 3]);
    expect((await world.results(batch)).map(({ status }) => status)).toEqual([200, 503]);
  });

  it('with the lines in the store is the end of the batch', async () => {
    const batch = await world.accept(asking(2));
    await world.store.delete(inputKey(batch, 0));
    await process();
    expect(await world.read(batch)).toMatchObject({
      state: 'failed',
      error: expect.stringContaining('lines'),
    });
    expect(await world.open()).toEqual([]);
  });

  it('with a damaged batch stops no other', async () => {
    const batch = await world.accept(asking(1));
    const other = await world.accept(asking(1), { tenant: 'bolt' });
    await world.store.put(`tenants/acme/batches/${batch.id}.json`, Buffer.from('{'));
    expect(await process()).toBe(1);
    expect((await world.read(other)).state).toBe('completed');
    expect(world.errors).toHaveLength(2);
  });
});

describe('results', () => {
  it('are refused while the batch is not over', async () => {
    const batch = await world.accept(asking(4));
    expect(() => resultStream(world.store, batch)).toThrow('0 of 2 parts are done');
    expect(await resultUrls({ ...world.store, presign: async () => 'no' }, batch)).toEqual([]);
  });

  it('have a URL for each part where the store makes them', async () => {
    const batch = await world.accept(asking(4));
    await process();
    const ended = await world.read(batch);
    expect(await resultUrls(world.store, ended)).toEqual([]);
    const presign = async (key: string, seconds: number) => `https://store/${key}?for=${seconds}`;
    expect(await resultUrls({ ...world.store, presign }, ended)).toEqual(
      [0, 1].map(part => `https://store/${outputKey(batch, part)}?for=3600`),
    );
  });

  it('are deleted with the batch after 30 days, and no other batch is', async () => {
    await world.accept(asking(4));
    await process();
    later(29 * 24 * 60 * minuteMs);
    const young = await world.accept(asking(1));
    await process();
    later(24 * 60 * minuteMs);
    await process();
    const keys = await world.keys('');
    expect(keys).toHaveLength(4);
    expect(keys.filter(key => key.includes(young.upload) || key.includes(young.id))).toHaveLength(4);
  });
});

describe('a worker', () => {
  it('begins at once where it is woken, and gives back what it has at the end', async () => {
    const worker = startBatchWorker(world.work());
    const batch = await world.accept(asking(3));
    worker.wake();
    await expect.poll(async () => (await world.read(batch)).state).toBe('completed');
    await worker.close();
  });

  it('gives a part back that is under way when it closes', async () => {
    const batch = await world.accept(asking(3));
    let begun = false;
    const worker = startBatchWorker(
      answering((_asked, { signal }) => {
        begun = true;
        return new Promise((_resolve, reject) => {
          signal!.addEventListener('abort', () => reject(signal!.reason));
        });
      }),
    );
    await expect.poll(() => begun).toBe(true);
    await worker.close();
    expect(await world.read(batch)).toMatchObject({ state: 'running', lease: null });
    expect(await process()).toBe(1);
  });
});
