/** Batches of LoRA, IA3, prompts and prefixes: what each row answers is what it answers alone, and what training computes. */

import { tmpdir } from 'node:os';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Head, TargetModule } from '../../functions/artifacts/manifests.ts';
import type { Engine, Row } from '../../functions/engine/engine.ts';
import { promptPlaces, tokenFeeds } from '../../functions/engine/token-feeds.ts';
import { openFrozenBase } from '../../trainer/base/frozen-base.ts';
import type { PrecisionName } from '../../trainer/base/precision.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { methodIn } from '../../trainer/methods/methods.ts';
import { buildStep } from '../../trainer/step.ts';
import { countingEngine, type TestBase, testBase } from './base.ts';
import { type AdapterSpec, adapterTensors, largest, randomAdapter, randomRow, taskOf } from './rows.ts';

type Extra = NonNullable<AdapterSpec['method']>;

const heads: Head[] = [
  { kind: 'pooled', pooling: 'mean', dense: false },
  { kind: 'pooled', pooling: 'cls', dense: true },
  { kind: 'token' },
];
const extras: Extra[] = [
  { ia3: { targetModules: ['k', 'v', 'd'] } },
  { ia3: { targetModules: ['v', 'o'] } },
  { prompt: { tokens: 1 } },
  { prompt: { tokens: 5 } },
  { prefix: { tokens: 3 } },
  { prefix: { tokens: 8 } },
  { prefix: { tokens: 9 } },
];

const anyLora = fc.record({
  rank: fc.constantFrom(4, 8, 16),
  modules: fc.constantFrom('q', 'qv', 'qkvo', 'qkvoud').map(set => set.split('') as TargetModule[]),
});

/** Rows of one head, LoRA of at most two kinds, and anything else among them; all as long with their prompts. */
const anyBatch = fc.record({
  head: fc.constantFrom(...heads),
  loras: fc.tuple(anyLora, anyLora),
  rows: fc.array(
    fc.record({
      method: fc.option(fc.constantFrom(...extras), { nil: undefined }),
      lora: fc.constantFrom(0, 0, 0, 1),
      labels: fc.constantFrom(3, 9, 9, 40),
      seed: fc.nat(1000),
      quantization: fc.constantFrom('int8', 'int8', 'float32', 'float16'),
    }),
    { minLength: 2, maxLength: 8 },
  ),
  length: fc.integer({ min: 12, max: 40 }),
});

/** Without the sign of a zero. */
const bits = (logits: Float32Array) => Array.from(logits, value => value + 0);

const plain = { seed: 3, rank: 4, modules: [], labels: 5, quantization: 'float32' } as const;
const nameOf = (head: Head, method: Extra) =>
  `${head.kind === 'token' ? 'token' : head.pooling} head, ${JSON.stringify(method)}`;
const countOf = ({ window, adapter: { manifest } }: Row) =>
  manifest.head.kind === 'token' ? window.ids.length : 1;

/** Blocks of 8 bits round activations, which training does not; the int8 base rounds anew what sums of another order changed. */
describe.each<[PrecisionName, { numRuns: number; trainedOn: 'fp32' | 'int8'; tolerance: number }]>([
  ['int8', { numRuns: 40, trainedOn: 'int8', tolerance: 5e-3 }],
  ['fp32', { numRuns: 20, trainedOn: 'fp32', tolerance: 1e-4 }],
  ['int8-block', { numRuns: 20, trainedOn: 'fp32', tolerance: 5e-2 }],
])('a base in %s', (precision, { numRuns, trainedOn, tolerance }) => {
  let base: TestBase;
  let engine: Engine & { batches: number[]; graphs: string[] };
  beforeAll(async () => {
    base = await testBase('wide', precision);
    engine = countingEngine(base);
  });
  afterAll(async () => {
    await engine.close();
    await base.remove();
  });
  const rowOf = (spec: AdapterSpec, places: number): Row => {
    const { config } = base.manifest;
    const adapter = randomAdapter(config, spec);
    const length = places - (spec.method?.prompt?.tokens ?? 0);
    return randomRow(config, { adapter, length, seed: spec.seed });
  };

  test('gives every row of a mixed batch the bits that it has alone, in the graph of its own', async () => {
    engine.batches.length = 0;
    engine.graphs.length = 0;
    await fc.assert(
      fc.asyncProperty(anyBatch, async ({ head, loras, rows: specs, length }) => {
        const rows = specs.map(({ lora, method, ...rest }) =>
          rowOf({ head, ...loras[lora]!, ...rest, ...(method ? { method } : {}) } as AdapterSpec, length),
        );
        const together = await engine.run(rows);
        for (const [i, row] of rows.entries()) {
          const [alone] = await engine.run([row]);
          expect(bits(together[i]!)).toEqual(bits(alone!));
          if (!specs[i]!.method) expect(engine.graphs.at(-1)).not.toContain('mixed');
        }
      }),
      { numRuns },
    );
    const mixed = engine.graphs.filter(
      (name, i) => name.includes('mixed') && !name.includes('none') && engine.batches[i]! > 1,
    );
    expect(mixed.length).toBeGreaterThan(numRuns / 8);
  });

  test.each(heads.flatMap(head => extras.map(method => [nameOf(head, method), head, method] as const)))(
    'serves the logits that training computes: %s',
    async (_name, head, method) => {
      const { config } = base.manifest;
      const spec: AdapterSpec = { ...plain, head, method };
      const { seams, weights } = await openFrozenBase({ ...base, precision: trainedOn, cacheDir: tmpdir() });
      const task = taskOf(head);
      const step = { config, frozen: seams, head: { task, head, labels: spec.labels } };
      const { logits } = buildStep({ ...step, method: methodIn(method) });
      const program = await onnxEngine({ threads: 1 }).compile({ outputs: { logits }, weights });
      const parameters = [...adapterTensors(config, spec)].map(
        ([name, tensor]) => [name, { dtype: 'float32', ...tensor }] as const,
      );
      for (const places of [13, 40]) {
        const row = rowOf(spec, places);
        const rows = [{ window: row.window, head, virtual: method }];
        const feeds = { ...tokenFeeds(rows, config), prompt_places: promptPlaces(rows) };
        const outputs = await program.run({ ...feeds, ...Object.fromEntries(parameters) });
        // Those of a prompt's places come first.
        const trained = (outputs.logits!.data as Float32Array).slice(-spec.labels * countOf(row));
        const [served] = await engine.run([row]);
        expect(served!.length).toBe(trained.length);
        expect(largest(served!, trained)).toBeLessThan(tolerance);
        const [bare] = await engine.run([
          rowOf({ ...spec, method: { ia3: { targetModules: ['k'] } } }, places),
        ]);
        expect(largest(served!.subarray(0, spec.labels), bare!.subarray(0, spec.labels))).toBeGreaterThan(
          tolerance,
        );
      }
      await program.close();
    },
  );
});
