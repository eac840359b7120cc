/** Serving graphs against the graph that training steps through, and the precisions of a base against float32. */
import { tmpdir } from 'node:os';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Head, TargetModule } from '../../functions/artifacts/manifests.ts';
import { assemble } from '../../functions/engine/batch.ts';
import type { Row } from '../../functions/engine/engine.ts';
import { inlineRunner } from '../../functions/engine/inline-runner.ts';
import { tokenFeeds } from '../../functions/engine/token-feeds.ts';
import { headKind, smallestSet, variantName } from '../../functions/engine/variants.ts';
import { openFrozenBase } from '../../trainer/base/frozen-base.ts';
import type { PrecisionName } from '../../trainer/base/precision.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { buildStep } from '../../trainer/step.ts';
import { countingEngine, type TestBase, testBase } from './base.ts';
import { type AdapterSpec, adapterTensors, manifestOf, randomAdapter, randomRow, taskOf } from './rows.ts';

const heads: [string, Head][] = [
  ['mean-pooled', { kind: 'pooled', pooling: 'mean', dense: false }],
  ['first-token', { kind: 'pooled', pooling: 'cls', dense: false }],
  ['two-layer', { kind: 'pooled', pooling: 'mean', dense: true }],
  ['token', { kind: 'token' }],
];
const lengths = [5, 23, 40];

const bases = new Map<PrecisionName, TestBase>();
beforeAll(async () => {
  for (const precision of ['fp32', 'int8', 'int8-block'] as const)
    bases.set(precision, await testBase('wide', precision));
});
afterAll(() => Promise.all([...bases.values()].map(base => base.remove())));

function specOf(head: Head, modules: string, quantization: AdapterSpec['quantization']): AdapterSpec {
  return { seed: 5, rank: 6, modules: modules.split('') as TargetModule[], labels: 5, head, quantization };
}

function rowsOf(spec: AdapterSpec): Row[] {
  const { config } = bases.get('fp32')!.manifest;
  const adapter = randomAdapter(config, spec);
  return lengths.map((length, seed) => randomRow(config, { adapter, length, seed }));
}

/** Each row's logits in a run of its own. */
async function served(precision: PrecisionName, rows: readonly Row[]): Promise<Float32Array[]> {
  const engine = countingEngine(bases.get(precision)!);
  const logits: Float32Array[] = [];
  for (const row of rows) logits.push((await engine.run([row]))[0]!);
  await engine.close();
  return logits;
}

function largest(some: readonly Float32Array[], others: readonly Float32Array[]): number {
  return Math.max(
    ...some.flatMap((logits, row) => [...logits].map((value, i) => Math.abs(value - others[row]![i]!))),
  );
}

function cosine(some: readonly Float32Array[], others: readonly Float32Array[]): number {
  const [a, b] = [some, others].map(rows => rows.flatMap(row => [...row])) as [number[], number[]];
  const dot = (x: number[], y: number[]) => x.reduce((sum, value, i) => sum + value * y[i]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

/** The rounded base rounds anew what float32 sums of another order left a bit apart. */
const tolerances = { fp32: 1e-4, int8: 5e-3 } as const;

describe.each(['fp32', 'int8'] as const)('training and serving over a base in %s', precision => {
  test.each(
    heads.flatMap(([name, head]) => ['qv', 'qkvo', 'qkvoud'].map(modules => [name, modules, head] as const)),
  )('serve the logits that training computes: %s head, %s', async (_name, modules, head) => {
    const base = bases.get(precision)!;
    const { config } = base.manifest;
    const spec = specOf(head, modules, 'float32');
    const { lora } = manifestOf(spec);
    const frozen = await openFrozenBase({ ...base, precision, cacheDir: tmpdir() });
    const { logits } = buildStep({
      config,
      method: { name: 'lora', ...lora! },
      frozen: frozen.seams,
      head: { task: taskOf(head), head, labels: spec.labels },
    });
    const program = await onnxEngine({ threads: 1 }).compile({
      outputs: { logits },
      weights: frozen.weights,
    });
    const parameters = [...adapterTensors(config, spec)].map(
      ([name, tensor]) => [name, { dtype: 'float32', ...tensor }] as const,
    );
    const rows = rowsOf(spec);
    const trained: Float32Array[] = [];
    for (const { window } of rows) {
      const feeds = tokenFeeds([{ window, head }], config);
      const outputs = await program.run({ ...feeds, ...Object.fromEntries(parameters) });
      trained.push(outputs.logits!.data as Float32Array);
    }
    await program.close();
    const logitsServed = await served(precision, rows);
    expect(logitsServed.map(row => row.length)).toEqual(trained.map(row => row.length));
    expect(largest(logitsServed, trained)).toBeLessThan(tolerances[precision]);
  });
});

describe('other precisions', () => {
  test.each(heads)('keep the direction of the logits: %s head', async (_name, head) => {
    const rows = rowsOf(specOf(head, 'qkvoud', 'int8'));
    const exact = await served('fp32', rows);
    expect(cosine(await served('int8', rows), exact)).toBeGreaterThan(0.99);
    expect(cosine(await served('int8-block', rows), exact)).toBeGreaterThan(0.999);
  });

  test.each(heads)(
    'the 7-bit graphs for CPUs that saturate give nearly what the others give: %s head',
    async (_name, head) => {
      const { manifest, graphPath } = bases.get('int8')!;
      const rows = rowsOf(specOf(head, 'qv', 'int8'));
      const runner = inlineRunner(graphPath, { threads: 1 });
      const variant = { head: headKind(head), modules: smallestSet(['q', 'v']), form: 'int8' as const };
      const run = async (row: Row, narrow: boolean) => {
        const feeds = assemble([row], { ...variant, narrow }, manifest);
        return Float32Array.from((await runner.run(variantName({ ...variant, narrow }), feeds)).data);
      };
      const logits: Record<'full' | 'narrow', Float32Array[]> = { full: [], narrow: [] };
      for (const row of rows) {
        logits.full.push(await run(row, false));
        logits.narrow.push(await run(row, true));
      }
      await runner.close();
      expect(largest(logits.full, logits.narrow)).toBeGreaterThan(0);
      expect(cosine(logits.full, logits.narrow)).toBeGreaterThan(0.99);
    },
  );
});
