/** Worker threads for real: the same answers as in the calling thread, also when a worker is killed. */
import { copyFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { batchingEngine } from '../../functions/engine/batching.ts';
import { openEngine } from '../../functions/engine/open.ts';
import { workerRunner } from '../../functions/engine/worker-runner.ts';
import { type TestBase, testBase } from './base.ts';
import { randomAdapter, randomRow } from './rows.ts';

let base: TestBase;
beforeAll(async () => {
  base = await testBase('tiny', 'int8');
});
afterAll(() => base.remove());

function someRows() {
  const { config } = base.manifest;
  return Array.from({ length: 12 }, (_, seed) => {
    const adapter = randomAdapter(config, {
      seed,
      rank: 4,
      modules: seed % 2 ? ['q', 'v'] : ['q', 'k', 'v', 'o', 'u', 'd'],
      labels: 3,
      head: seed % 3 ? { kind: 'pooled', pooling: 'mean', dense: false } : { kind: 'token' },
      quantization: 'int8',
    });
    return randomRow(config, { adapter, length: 10 + seed, seed });
  });
}

async function inlineAnswers(rows: ReturnType<typeof someRows>) {
  const engine = openEngine({ base: base.manifest, graphPath: base.graphPath, workers: 0 });
  const logits: Float32Array[] = [];
  for (const row of rows) logits.push((await engine.run([row]))[0]!);
  await engine.close();
  return logits;
}

const within = (some: readonly Float32Array[], others: readonly Float32Array[], most: number) => {
  expect(some.map(row => row.length)).toEqual(others.map(row => row.length));
  for (const [i, row] of some.entries())
    for (const [j, value] of row.entries()) expect(Math.abs(value - others[i]![j]!)).toBeLessThan(most);
};

describe('a pool of workers', () => {
  test('answers what the calling thread answers', async () => {
    const rows = someRows();
    const engine = openEngine({ base: base.manifest, graphPath: base.graphPath, workers: 2 });
    within(await engine.run(rows), await inlineAnswers(rows), 1e-5);
    await engine.close();
  });

  test('replaces a worker that is killed mid-batch, and the answer still comes', async () => {
    const rows = someRows();
    const started: ReturnType<typeof workerRunner>[] = [];
    const engine = batchingEngine({
      base: base.manifest,
      runners: 1,
      depth: 2,
      limits: { maxTokens: 512, maxRows: 64 },
      maxWaitingRows: 100,
      startRunner() {
        const runner = workerRunner(base.graphPath);
        started.push(runner);
        return runner;
      },
    });
    await engine.run(rows.slice(0, 1));
    const { worker } = started[0]!;
    const post = worker.postMessage.bind(worker);
    worker.postMessage = (...message: Parameters<typeof post>) => {
      post(...message);
      void worker.terminate();
    };
    within(await engine.run(rows), await inlineAnswers(rows), 1e-5);
    expect(started.map(({ alive }) => alive)).toEqual([false, true]);
    await engine.close();
  });

  test('keeps the sessions that were opened ahead: the graphs are not read again', async () => {
    const rows = someRows();
    const copies = new Map<string, string>();
    const engine = openEngine({
      base: base.manifest,
      workers: 2,
      async graphPath(variant) {
        // Beside the original, where the weights are.
        const path = copies.get(variant) ?? `${await base.graphPath(variant)}.copy`;
        if (!copies.has(variant)) await copyFile(await base.graphPath(variant), path);
        copies.set(variant, path);
        return path;
      },
    });
    await engine.warm(rows.map(row => row.adapter.manifest));
    expect(copies.size).toBe(4);
    for (const path of copies.values()) await rm(path);
    within(await engine.run(rows), await inlineAnswers(rows), 1e-5);
    await engine.close();
  });

  test('says that a graph cannot be opened ahead, and lives on', async () => {
    const [row] = someRows();
    for (const workers of [0, 1]) {
      let path = async (variant: string) => `${await base.graphPath(variant)}.none`;
      const engine = openEngine({ base: base.manifest, graphPath: variant => path(variant), workers });
      await expect(engine.warm([row!.adapter.manifest])).rejects.toThrow('.none');
      path = base.graphPath;
      await engine.warm([row!.adapter.manifest]);
      within(await engine.run([row!]), await inlineAnswers([row!]), 1e-5);
      await engine.close();
    }
  });

  test('gives a graph that is not there up, and lives on', async () => {
    const [row] = someRows();
    let path = base.graphPath;
    const engine = openEngine({
      base: base.manifest,
      graphPath: variant => path(variant),
      workers: 1,
    });
    path = async variant => `${await base.graphPath(variant)}.none`;
    await expect(engine.run([row!])).rejects.toMatchObject({ code: 'unavailable' });
    path = base.graphPath;
    within(await engine.run([row!]), await inlineAnswers([row!]), 1e-5);
    await engine.close();
  });
});
