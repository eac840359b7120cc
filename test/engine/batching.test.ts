/** The engine over runners that a test holds in its hand: when batches go, and what happens to them when things fail. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { ResidentAdapter } from '../../functions/artifacts/adapter.ts';
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { batchingEngine } from '../../functions/engine/batching.ts';
import type { Row } from '../../functions/engine/engine.ts';
import type { Logits, Runner } from '../../functions/engine/runner.ts';
import type { Feed } from '../../functions/engine/token-feeds.ts';
import { VeneerError } from '../../functions/error.ts';
import { baseManifest } from '../http/fake-base.ts';
import { randomAdapter, randomRow } from './rows.ts';

const config: EncoderConfig = baseManifest.config;
const adapter: ResidentAdapter = randomAdapter(config, {
  seed: 1,
  rank: 2,
  modules: ['q', 'v'],
  labels: 2,
  head: { kind: 'pooled', pooling: 'cls', dense: false },
  quantization: 'int8',
});
/** A row that the fake runner answers with its first token. */
const row = (first: number, length = 8): Row => {
  const made = randomRow(config, { adapter, length, seed: first });
  made.window.ids[0] = first;
  return made;
};
const rows = (count: number, from = 0) => Array.from({ length: count }, (_, i) => row(from + i));
const firsts = (logits: readonly Float32Array[]) => logits.map(([value]) => value);

interface Run {
  /** First token of each row. */
  tokens: number[];
  graph: string;
  runner: FakeRunner;
  succeed(): void;
  fail(error: Error): void;
}

interface FakeRunner extends Runner {
  alive: boolean;
  closed: boolean;
  /** Graphs that it was told to open. */
  opened: string[];
}

/** Batches that run, in the order they began. */
let runs: Run[];
let runners: FakeRunner[];
let unhandled: unknown[];
const onUnhandled = (reason: unknown) => unhandled.push(reason);

beforeEach(() => {
  [runs, runners, unhandled] = [[], [], []];
  process.on('unhandledRejection', onUnhandled);
});
afterEach(async () => {
  await settled();
  process.off('unhandledRejection', onUnhandled);
  expect(unhandled).toEqual([]);
});

/** All that is due now has happened. */
const settled = () => new Promise(resolve => setImmediate(resolve));

function startRunner(): Runner {
  const runner: FakeRunner = {
    alive: true,
    closed: false,
    opened: [],
    run: (graph, feeds) =>
      new Promise((resolve, reject) => {
        runs.push({
          tokens: tokensOf(feeds),
          graph,
          runner,
          succeed: () => resolve(logitsOf(tokensOf(feeds))),
          fail: reject,
        });
      }),
    async open(graph) {
      runner.opened.push(graph);
    },
    async close() {
      runner.closed = true;
    },
  };
  runners.push(runner);
  return runner;
}

function tokensOf({ input_ids: ids }: Readonly<Record<string, Feed>>): number[] {
  const [b, s] = ids!.shape as [number, number];
  return Array.from({ length: b }, (_, i) => ids!.data[i * s]!);
}

function logitsOf(tokens: readonly number[]): Logits {
  return { data: Float32Array.from(tokens.flatMap(token => [token, 0])), shape: [tokens.length, 1, 2] };
}

const open = (
  options: { runners?: number; depth?: number; maxRows?: number; maxWaitingRows?: number } = {},
) =>
  batchingEngine({
    base: baseManifest,
    startRunner,
    runners: options.runners ?? 1,
    depth: options.depth ?? 1,
    limits: { maxTokens: 10_000, maxRows: options.maxRows ?? 4 },
    maxWaitingRows: options.maxWaitingRows ?? 100,
  });

/** Lets every batch succeed until none runs. */
async function succeedAll() {
  for (let done = 0; done < runs.length; done++) {
    runs[done]!.succeed();
    await settled();
  }
}

/** The run that began last; the one with this number, from 0, where it is given. */
const run = (at = runs.length - 1) => runs[at]!;

describe('an engine', () => {
  it('runs at once where a runner is idle, and no two batches on one runner', async () => {
    const engine = open({ runners: 2 });
    const answers = [engine.run(rows(1, 1)), engine.run(rows(1, 2)), engine.run(rows(1, 3))];
    expect(runs.map(({ tokens }) => tokens)).toEqual([[1], [2]]);
    run(0).succeed();
    await settled();
    expect(run(2)).toMatchObject({ tokens: [3], runner: run(0).runner });
    await succeedAll();
    expect((await Promise.all(answers)).map(firsts)).toEqual([[1], [2], [3]]);
  });

  it('opens the graphs of adapters ahead, each once in every runner, and takes them for their rows', async () => {
    const engine = open({ runners: 2 });
    const { adapter } = rows(1)[0]!;
    await engine.warm([adapter.manifest, adapter.manifest]);
    const float = { ...adapter.manifest, quantization: 'float32' as const };
    await engine.warm([float]);
    const { opened } = runners[0]!;
    expect(opened).toHaveLength(2);
    expect(opened[1]).toContain('float32');
    expect(runners[1]!.opened).toEqual(opened);
    const answer = engine.run(rows(1));
    expect(run().graph).toBe(opened[0]);
    await succeedAll();
    await answer;
  });

  it('answers a request of many batches in its order', async () => {
    const engine = open();
    const answer = engine.run(rows(11, 20));
    await succeedAll();
    expect(firsts(await answer)).toEqual([20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30]);
    expect(runs.map(({ tokens }) => tokens.length)).toEqual([4, 4, 3]);
  });

  it('answers no rows with nothing', async () => {
    expect(await open().run([])).toEqual([]);
    expect(runs).toEqual([]);
  });

  it('keeps a second batch at each runner where depth says so, the free runner first', async () => {
    const engine = open({ runners: 2, depth: 2, maxRows: 1 });
    const answers = [1, 2, 3, 4, 5].map(id => engine.run(rows(1, id)));
    expect(runs.length).toBe(4);
    expect(new Set(runs.slice(0, 2).map(({ runner }) => runner)).size).toBe(2);
    expect(new Set(runs.slice(2).map(({ runner }) => runner)).size).toBe(2);
    runs[0]!.succeed();
    await settled();
    expect(runs.length).toBe(5);
    for (const held of runs.slice(1)) held.succeed();
    expect((await Promise.all(answers)).flatMap(firsts)).toEqual([1, 2, 3, 4, 5]);
  });

  it('shares what waits among its runners where it would not fill a batch for each', async () => {
    const engine = open({ runners: 2 });
    const answers = [[1, 2, 3], [4]].map(ids => engine.run(ids.map(id => row(id, 60))));
    expect(runs.map(({ tokens, runner }) => [tokens, runners.indexOf(runner)])).toEqual([
      [[1], 0],
      [[2], 1],
    ]);
    await succeedAll();
    expect((await Promise.all(answers)).map(firsts)).toEqual([[1, 2, 3], [4]]);
  });

  it('puts a batch behind the one with the fewest tokens', async () => {
    const engine = open({ runners: 2, depth: 2 });
    const answers = [row(1, 100), row(2, 8), row(3, 8), row(4, 8)].map(one => engine.run([one]));
    expect(runs.map(({ tokens, runner }) => [tokens, runners.indexOf(runner)])).toEqual([
      [[1], 0],
      [[2], 1],
      [[3], 1],
      [[4], 0],
    ]);
    await succeedAll();
    expect((await Promise.all(answers)).flatMap(firsts)).toEqual([1, 2, 3, 4]);
  });

  it('shares a batch among tenants that wait', async () => {
    const engine = open();
    const first = engine.run(rows(1, 1), { tenant: 'a' });
    const waiting = ['a', 'b', 'c'].map((tenant, i) => engine.run(rows(1, 10 + i), { tenant }));
    await succeedAll();
    expect(run(1).tokens).toEqual([10, 11, 12]);
    expect((await Promise.all([first, ...waiting])).map(firsts)).toEqual([[1], [10], [11], [12]]);
  });

  it('refuses what would make the line too long, and says when to come again', async () => {
    const engine = open({ maxWaitingRows: 5 });
    const accepted = [engine.run(rows(1)), engine.run(rows(5))];
    await expect(engine.run(rows(1))).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterSeconds: expect.any(Number),
    });
    await succeedAll();
    await Promise.all(accepted);
  });

  it('takes a request that is longer than the line while nobody waits', async () => {
    const engine = open({ maxWaitingRows: 5 });
    const answer = engine.run(rows(9));
    await succeedAll();
    expect((await answer).length).toBe(9);
  });
});

describe('rows in the background', () => {
  const background = { tenant: 'batch', priority: 'background' } as const;

  it('are overtaken by requests that come later', async () => {
    const engine = open();
    const batch = engine.run(rows(12, 100), background);
    const requests = [engine.run(rows(4, 1)), engine.run(rows(4, 5))];
    await succeedAll();
    expect(runs.map(({ tokens }) => tokens[0])).toEqual([100, 1, 5, 104, 108]);
    expect((await Promise.all(requests)).flatMap(firsts)).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
    expect(firsts(await batch)).toEqual(Array.from({ length: 12 }, (_, i) => 100 + i));
  });

  it('never wait at a runner for the batch before them, so that a request finds one place taken at most', async () => {
    const engine = open({ depth: 2 });
    const batch = engine.run(rows(12, 100), background);
    expect(runs.length).toBe(1);
    const request = engine.run(rows(1, 1));
    expect(runs.map(({ tokens }) => tokens[0])).toEqual([100, 1]);
    await succeedAll();
    await Promise.all([batch, request]);
  });

  it('go on under any load of requests', async () => {
    const engine = open({ maxRows: 1 });
    const batch = engine.run(rows(1, 100), background);
    const waiting = engine.run(rows(1, 101), background);
    const requests = engine.run(rows(40));
    await succeedAll();
    expect(runs.findIndex(({ tokens }) => tokens[0] === 101)).toBe(16);
    await Promise.all([batch, waiting, requests]);
  });

  it('fill the line for themselves, not for requests', async () => {
    const engine = open({ maxWaitingRows: 5 });
    const batch = engine.run(rows(40, 100), background);
    await expect(engine.run(rows(1, 200), background)).rejects.toMatchObject({ code: 'rate_limited' });
    const requests = [engine.run(rows(5))];
    await expect(engine.run(rows(1))).rejects.toMatchObject({ code: 'rate_limited' });
    await succeedAll();
    await Promise.all([batch, ...requests]);
  });
});

describe('a request that is given up', () => {
  it('is not begun where it was given up before', async () => {
    const reason = new Error('gone');
    await expect(open().run(rows(1), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    expect(runs).toEqual([]);
  });

  it('leaves the line, and its rows never run', async () => {
    const engine = open();
    const first = engine.run(rows(1, 1));
    const controller = new AbortController();
    const given = engine.run(rows(3, 10), { signal: controller.signal });
    const last = engine.run(rows(1, 20));
    controller.abort(new Error('gone'));
    await expect(given).rejects.toThrow('gone');
    await succeedAll();
    expect(runs.map(({ tokens }) => tokens)).toEqual([[1], [20]]);
    expect(firsts([...(await first), ...(await last)])).toEqual([1, 20]);
  });

  it('rejects at once while it runs, and its neighbours in the batch are answered', async () => {
    const engine = open();
    const first = engine.run(rows(1, 1));
    const controller = new AbortController();
    const given = engine.run(rows(5, 10), { tenant: 'a', signal: controller.signal });
    const neighbour = engine.run(rows(1, 20), { tenant: 'b' });
    run().succeed();
    await settled();
    expect(run().tokens).toEqual([10, 20, 11, 12]);
    controller.abort(new Error('gone'));
    await expect(given).rejects.toThrow('gone');
    await succeedAll();
    expect(firsts([...(await first), ...(await neighbour)])).toEqual([1, 20]);
    expect(runs.flatMap(({ tokens }) => tokens)).not.toContain(13);
  });

  it('is not tried again when its batch fails', async () => {
    const engine = open();
    const controller = new AbortController();
    const given = engine.run(rows(2), { signal: controller.signal });
    controller.abort(new Error('gone'));
    await expect(given).rejects.toThrow('gone');
    run().fail(new Error('broken'));
    await settled();
    expect(runs.length).toBe(1);
  });

  it('ends at its deadline', async () => {
    const engine = open();
    const given = engine.run(rows(1), { signal: AbortSignal.timeout(5) });
    await expect(given).rejects.toMatchObject({ name: 'TimeoutError' });
    run().succeed();
  });
});

describe('a batch that fails', () => {
  it('is run once more', async () => {
    const engine = open();
    const answer = engine.run(rows(3, 5));
    run().fail(new Error('broken'));
    await settled();
    expect(run(1).tokens).toEqual([5, 6, 7]);
    run().succeed();
    expect(firsts(await answer)).toEqual([5, 6, 7]);
  });

  it('is given up after that, and the next is run', async () => {
    const engine = open();
    const answer = engine.run(rows(1, 1));
    run().fail(new Error('broken'));
    await settled();
    const next = engine.run(rows(1, 2));
    run().fail(new Error('broken again'));
    await expect(answer).rejects.toMatchObject({
      code: 'unavailable',
      cause: expect.objectContaining({ message: 'broken again' }),
    });
    run().succeed();
    expect(firsts(await next)).toEqual([2]);
  });

  it('costs the rows that share the second try no try of their own', async () => {
    const engine = open({ maxRows: 2 });
    const failing = engine.run(rows(1, 1), { tenant: 'a' });
    const fresh = engine.run(rows(1, 2), { tenant: 'b' });
    run().fail(new Error('broken'));
    await settled();
    // Both are in one batch now; only the first has been tried before.
    expect(run().tokens.toSorted()).toEqual([1, 2]);
    run().fail(new Error('broken'));
    await expect(failing).rejects.toMatchObject({ code: 'unavailable' });
    await settled();
    expect(run().tokens).toEqual([2]);
    run().succeed();
    expect(firsts(await fresh)).toEqual([2]);
  });

  it('takes the other rows of its request out of the line', async () => {
    const engine = open({ maxRows: 1 });
    const answer = engine.run(rows(3));
    run().fail(new VeneerError('invalid_artifact', 'no such graph'));
    await expect(answer).rejects.toMatchObject({ code: 'invalid_artifact' });
    await settled();
    expect(runs.length).toBe(1);
  });

  it('runs on a new runner where its own died', async () => {
    const engine = open();
    const answer = engine.run(rows(1, 7));
    run().runner.alive = false;
    run().fail(new Error('the worker ended'));
    await settled();
    expect(run().runner).toBe(runners[1]);
    expect(runners.map(({ closed }) => closed)).toEqual([true, false]);
    run().succeed();
    expect(firsts(await answer)).toEqual([7]);
  });

  it('is given up where the second runner dies, too, and the engine goes on with a third', async () => {
    const engine = open();
    const givenUp = expect(engine.run(rows(1, 7))).rejects.toMatchObject({ code: 'unavailable' });
    for (const _try of [1, 2]) {
      run().runner.alive = false;
      run().fail(new Error('the worker ended'));
      await settled();
    }
    await givenUp;
    const next = engine.run(rows(1, 8));
    expect(run().runner).toBe(runners[2]);
    run().succeed();
    expect(firsts(await next)).toEqual([8]);
  });

  it('costs nothing that all runners died while they were idle', async () => {
    const engine = open({ runners: 3 });
    for (const runner of runners) runner.alive = false;
    const answer = engine.run(rows(1, 9));
    expect(run().runner).toBe(runners[3]);
    run().succeed();
    expect(firsts(await answer)).toEqual([9]);
  });
});

describe('an engine that closes', () => {
  it('rejects what waits, what runs and what comes, and closes its runners', async () => {
    const engine = open();
    const running = engine.run(rows(1, 1));
    const waiting = engine.run(rows(1, 2));
    const closed = engine.close();
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' });
    run().runner.alive = false;
    run().fail(new Error('the worker ended'));
    await expect(running).rejects.toMatchObject({ code: 'unavailable' });
    await expect(engine.run(rows(1))).rejects.toMatchObject({ code: 'unavailable' });
    await closed;
    expect(runners.map(({ closed }) => closed)).toEqual([true]);
    expect(runs.length).toBe(1);
  });
});
