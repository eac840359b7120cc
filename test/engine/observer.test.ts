/** What an engine tells of its batches, over runners that end when a test says so, and when it says that rows run. */
import { beforeEach, describe, expect, it } from 'vitest';
import type { Head } from '../../functions/artifacts/manifests.ts';
import { batchingEngine } from '../../functions/engine/batching.ts';
import type { BatchReport } from '../../functions/engine/observer.ts';
import { openEngine } from '../../functions/engine/open.ts';
import type { Logits, Runner } from '../../functions/engine/runner.ts';
import { baseManifest } from '../http/fake-base.ts';
import { testBase } from './base.ts';
import { randomAdapter, randomRow } from './rows.ts';

const head: Head = { kind: 'pooled', pooling: 'cls', dense: false };
const spec = { seed: 1, rank: 2, modules: ['q', 'v'], labels: 2, head, quantization: 'int8' } as const;
const adapter = randomAdapter(baseManifest.config, { ...spec, modules: ['q', 'v'] });
const rows = (...lengths: number[]) =>
  lengths.map((length, seed) => randomRow(baseManifest.config, { adapter, length, seed }));

let ends: { succeed(): void; fail(error: Error): void }[];
let runners: { alive: boolean; did: string[] }[];
let reports: BatchReport[];
let waiting: number[];
let restarts: number;
beforeEach(() => {
  [ends, runners, reports, waiting, restarts] = [[], [], [], [], 0];
});
const settled = () => new Promise(resolve => setImmediate(resolve));

function startRunner(): Runner {
  const runner = {
    alive: true,
    did: [] as string[],
    run: (graph: string, feeds: Parameters<Runner['run']>[1]) =>
      new Promise<Logits>((resolve, reject) => {
        runner.did.push(`run ${graph}`);
        const [b] = feeds.input_ids!.shape as [number];
        const logits = { data: new Float32Array(b * 2), shape: [b, 1, 2] };
        ends.push({ succeed: () => resolve(logits), fail: reject });
      }),
    open: async (graph: string) => void runner.did.push(`open ${graph}`),
    close: async () => {},
  };
  runners.push(runner);
  return runner;
}

const observer = {
  waiting: (count: number) => void waiting.push(count),
  batch: (report: BatchReport) => void reports.push(report),
  restarted: () => void restarts++,
};

const open = (depth: number, maxRows = 4) =>
  batchingEngine({
    ...{ base: baseManifest, startRunner, runners: 1, depth, maxWaitingRows: 100, observer },
    limits: { maxTokens: 1_000, maxRows },
  });

/** Runs rows and lists `name` in `order` when the first of them begins. */
const tracked = (engine: ReturnType<typeof open>, name: string, order: string[], ...lengths: number[]) =>
  engine.run(rows(...lengths), { began: () => void order.push(name) });

describe('an observed engine', () => {
  it('tells rows, tokens, padding and times of each batch', async () => {
    const engine = open(1);
    const answer = engine.run(rows(10, 9, 10));
    await settled();
    ends[0]!.succeed();
    await answer;
    expect(reports).toHaveLength(1);
    expect(reports[0]).toMatchObject({ rows: 3, tokens: 29, paddedTokens: 30 });
    expect(reports[0]!.waitedMs).toHaveLength(3);
    for (const ms of [...reports[0]!.waitedMs, reports[0]!.runMs]) expect(ms).toBeGreaterThanOrEqual(0);
  });

  it('tells how many rows wait, down to none', async () => {
    const engine = open(1, 1);
    const answer = engine.run(rows(10, 10, 10));
    expect(waiting.at(-1)).toBe(2);
    for (const left of [1, 0]) {
      ends.at(-1)!.succeed();
      await settled();
      expect(waiting.at(-1)).toBe(left);
    }
    ends.at(-1)!.succeed();
    await answer;
    expect(waiting.at(-1)).toBe(0);
  });

  it('tells of rows that were given up that they wait no more', async () => {
    const engine = open(1, 1);
    const first = engine.run(rows(10));
    const giveUp = new AbortController();
    const second = engine.run(rows(10, 10), { signal: giveUp.signal });
    expect(waiting.at(-1)).toBe(2);
    giveUp.abort();
    await expect(second).rejects.toThrow();
    expect(waiting.at(-1)).toBe(0);
    ends[0]!.succeed();
    await first;
  });

  it('says that rows run when nothing is before them, not when a runner holds them', async () => {
    const order: string[] = [];
    const engine = open(2, 1);
    const answers = ['a', 'b', 'c'].map(name => tracked(engine, name, order, 10));
    await settled();
    expect(ends).toHaveLength(2);
    expect(order).toEqual(['a']);
    ends[0]!.succeed();
    await settled();
    expect(order).toEqual(['a', 'b']);
    ends[1]!.succeed();
    await settled();
    expect(order).toEqual(['a', 'b', 'c']);
    ends[2]!.succeed();
    await Promise.all(answers);
    expect(reports).toHaveLength(3);
  });

  it('says it once for rows of many batches, and for rows that are tried again', async () => {
    const order: string[] = [];
    const engine = open(1, 1);
    const answer = tracked(engine, 'a', order, 10, 10);
    runners[0]!.alive = false;
    ends[0]!.fail(new Error('the worker thread ended'));
    for (const at of [1, 2]) {
      await settled();
      ends[at]!.succeed();
    }
    await answer;
    expect(order).toEqual(['a']);
    expect(restarts).toBe(1);
    expect(reports).toHaveLength(3);
  });

  it('opens in a new runner what was opened ahead in the dead one, behind the batch that waits', async () => {
    const engine = open(1);
    await engine.warm([adapter.manifest]);
    const [opened] = runners[0]!.did;
    const answer = engine.run(rows(10));
    runners[0]!.alive = false;
    ends[0]!.fail(new Error('the worker thread ended'));
    await settled();
    ends[1]!.succeed();
    await answer;
    const graph = opened!.replace('open ', '');
    expect(runners.map(({ did }) => did)).toEqual([
      [`open ${graph}`, `run ${graph}`],
      [`run ${graph}`, `open ${graph}`],
    ]);
  });

  it('does so over a real worker, too', async () => {
    const base = await testBase('tiny', 'int8');
    const own = randomAdapter(base.manifest.config, { ...spec, modules: ['q', 'v'] });
    const engine = openEngine({ base: base.manifest, graphPath: base.graphPath, workers: 1, observer });
    const order: string[] = [];
    const made = [12, 12, 30].map((length, seed) =>
      randomRow(base.manifest.config, { adapter: own, length, seed }),
    );
    const logits = await engine.run(made, { began: () => void order.push('began') });
    expect(logits).toHaveLength(3);
    expect(order).toEqual(['began']);
    expect(reports.map(({ rows, tokens, paddedTokens }) => [rows, tokens, paddedTokens])).toEqual([
      [2, 24, 24],
      [1, 30, 30],
    ]);
    for (const { runMs } of reports) expect(runMs).toBeGreaterThan(0);
    await engine.close();
    await base.remove();
  });
});
