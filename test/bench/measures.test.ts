/** What the benches compare with and count: a merged adapter is the adapter, and operations are those of the layers. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ResidentAdapter } from '../../functions/artifacts/adapter.ts';
import type { TargetModule } from '../../functions/artifacts/manifests.ts';
import { assemble } from '../../functions/engine/batch.ts';
import { openEngine } from '../../functions/engine/open.ts';
import { openSessions } from '../../functions/engine/session.ts';
import type { Variant } from '../../functions/engine/variants.ts';
import { benchAdapter } from '../../trainer/bench/adapter.ts';
import { floorTable, measureFloor } from '../../trainer/bench/floor.ts';
import { writeMerged } from '../../trainer/bench/merged.ts';
import { benchRows } from '../../trainer/bench/rows.ts';
import { type TestBase, testBase } from '../engine/base.ts';

const opened: TestBase[] = [];
async function open(precision: 'fp32' | 'int8') {
  const base = await testBase('tiny', precision);
  opened.push(base);
  return base;
}
let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-merged-'));
});
afterAll(async () => {
  await Promise.all([...opened.map(base => base.remove()), rm(folder, { recursive: true, force: true })]);
});

describe('an adapter merged into the weights', () => {
  it.each([
    ['fp32', ['q', 'v'], 1e-5],
    ['fp32', ['q', 'k', 'v', 'o', 'u'], 1e-5],
    ['int8', ['q', 'v'], 0.01],
  ] as ['fp32' | 'int8', TargetModule[], number][])(
    'answers as the adapter does beside them, in %s on %s',
    async (precision, modules, within) => {
      const { store, manifest, graphPath } = await open(precision);
      const adapter = benchAdapter(manifest, { seed: 3, modules, rank: 8 });
      for (const scale of adapter.lora!.scales.keys()) adapter.lora!.scales[scale]! *= 20;
      const bare = { ...benchAdapter(manifest, { seed: 3, modules: [], rank: 8 }), head: adapter.head };
      const rowOf = (own: ResidentAdapter) =>
        benchRows({ lengths: [20], adapters: [own], config: manifest.config });
      const variant: Variant = { head: 'pooled', modules: [], form: 'int8', narrow: false };
      const merge = { store, manifest, adapters: [adapter], variant: 'pooled.none' };
      const [path] = await writeMerged({ ...merge, folder: await mkdtemp(join(folder, 'tenants-')) });
      const sessions = openSessions({ threads: 1 });
      const feeds = assemble(rowOf(bare), variant, manifest);
      const merged = (await (await sessions.at(path!)).run(feeds)).data.slice(0, 4);
      await sessions.close();
      const engine = openEngine({ base: manifest, graphPath, workers: 0 });
      const [beside] = await engine.run(rowOf(adapter));
      const [without] = await engine.run(rowOf(bare));
      await engine.close();
      const apart = (some: Float32Array) =>
        Math.max(...some.map((value, i) => Math.abs(value - beside![i]!)));
      expect(apart(merged)).toBeLessThan(within);
      expect(apart(without!)).toBeGreaterThan(5 * within);
    },
  );
});

describe('the floor of a batch', () => {
  it('counts the operations of its products', async () => {
    const { store, manifest } = await open('int8');
    const { hiddenSize: h, intermediateSize: f, layers } = manifest.config;
    const [batch, length] = [2, 10];
    const tokens = batch * length;
    const floor = await measureFloor({ store, manifest }, { batch, length });
    const flops = Object.fromEntries(floor.rows.map(row => [row.operators, Math.round(row.gigaflops * 1e9)]));
    expect(flops['8-bit products']).toBe(layers * 2 * tokens * (4 * h * h + 2 * h * f));
    const attention = 2 * 2 * batch * length * length * h;
    // Ranks of A, and of B with the row of the bias.
    const lora = 2 * tokens * h * (8 + 9) * 2;
    const pooledHead = 2 * batch * length * h + 2 * batch * h * 16;
    expect(flops['float32 products']).toBe(layers * (attention + lora) + pooledHead);
    expect(flops.softmax).toBe(0);
    expect(floor.rows.find(row => row.operators === 'other')).toMatchObject({ ms: 0 });
    for (const { ms, floorMs } of floor.rows) expect(Math.min(ms, floorMs)).toBeGreaterThanOrEqual(0);
    expect(Math.min(...Object.values(floor.peaks))).toBeGreaterThan(0);
    expect(floorTable(floor).at(-1)).toMatchObject({ operators: 'all', share: '100 %' });
  });
});
