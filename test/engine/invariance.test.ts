/** The answer does not depend on who shares the batch: rows alone and among strangers, at every precision. */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Head, TargetModule } from '../../functions/artifacts/manifests.ts';
import type { Engine } from '../../functions/engine/engine.ts';
import type { PrecisionName } from '../../trainer/base/precision.ts';
import { countingEngine, type TestBase, testBase } from './base.ts';
import { type AdapterSpec, largest, randomAdapter, randomRow } from './rows.ts';

const heads: Head[] = [
  { kind: 'pooled', pooling: 'mean', dense: false },
  { kind: 'pooled', pooling: 'cls', dense: false },
  { kind: 'pooled', pooling: 'mean', dense: true },
  { kind: 'token' },
];

/** Two of these differ in the shape of at least one product. */
const anyShape = fc.record({
  rank: fc.constantFrom(1, 5, 8, 16, 32, 64),
  modules: fc.constantFrom('q', 'qv', 'qkvo', 'qkvoud').map(set => set.split('') as TargetModule[]),
  labels: fc.constantFrom(1, 2, 3, 9, 40, 77),
});

/** Few shapes and one head, so that rows that fit together meet, and rows that nearly do stand between them. */
const anyBatch = fc
  .record({
    head: fc.constantFrom(...heads),
    shape: anyShape,
    changes: fc.array(fc.constantFrom('rank', 'modules', 'labels', 'nothing'), {
      minLength: 1,
      maxLength: 7,
    }),
    other: anyShape,
    length: fc.integer({ min: 2, max: 40 }),
  })
  .chain(({ head, shape, changes, other, length }) =>
    fc.record({
      length: fc.constant(length),
      specs: fc.tuple(
        ...['nothing', ...changes].map(
          change =>
            fc.record({
              head: fc.constant(head),
              ...Object.fromEntries(
                (['rank', 'modules', 'labels'] as const).map(part => [
                  part,
                  fc.constant(change === part ? other[part] : shape[part]),
                ]),
              ),
              seed: fc.nat(1000),
              quantization: fc.constantFrom('int8', 'int8', 'float32', 'float16'),
            }) as fc.Arbitrary<AdapterSpec>,
        ),
      ),
    }),
  );

describe.each<[PrecisionName, runs: number]>([
  ['int8', 40],
  ['fp32', 20],
  ['int8-block', 10],
])('a base in %s', (precision, numRuns) => {
  let base: TestBase;
  let engine: Engine & { batches: number[] };
  beforeAll(async () => {
    base = await testBase('wide', precision);
    engine = countingEngine(base);
  });
  afterAll(async () => {
    await engine.close();
    await base.remove();
  });
  const rowOf = (spec: AdapterSpec, length: number) => {
    const { config } = base.manifest;
    return randomRow(config, { adapter: randomAdapter(config, spec), length, seed: spec.seed });
  };
  const alone = async (row: ReturnType<typeof rowOf>) => (await engine.run([row]))[0]!;

  test('gives a row the same bits alone and in any batch of its padded length', async () => {
    engine.batches.length = 0;
    await fc.assert(
      fc.asyncProperty(anyBatch, async ({ length, specs }) => {
        const rows = specs.map(spec => rowOf(spec, length));
        const together = await engine.run(rows);
        for (const [i, row] of rows.entries()) expect(together[i]).toEqual(await alone(row));
      }),
      { numRuns },
    );
    expect(engine.batches.filter(rows => rows > 1).length).toBeGreaterThan(numRuns / 4);
  });

  test('gives a shorter row the same bits beside one longest row and in any batch that is padded to it', async () => {
    await fc.assert(
      fc.asyncProperty(anyBatch, fc.integer({ min: 85, max: 100 }), async ({ length, specs }, percent) => {
        const pairs = specs.map(spec => [
          rowOf(spec, Math.max(2, Math.ceil((length * percent) / 100))),
          rowOf({ ...spec, seed: 1001 }, length),
        ]);
        const together = await engine.run(pairs.flat());
        for (const [i, pair] of pairs.entries()) expect(together[2 * i]).toEqual((await engine.run(pair))[0]);
      }),
      { numRuns: numRuns / 2 },
    );
  });

  test('gives a row the same logits within 1e-5 whatever it is padded to', async () => {
    const kind = { rank: 8, modules: ['q', 'v'] as TargetModule[], labels: 3 };
    let most = 0;
    for (const head of heads)
      for (const length of [8, 21, 37, 54]) {
        const spec: AdapterSpec = { ...kind, head, seed: length, quantization: 'int8' };
        const row = rowOf(spec, length);
        const longest = rowOf({ ...spec, seed: 99 }, Math.floor(length * 1.2));
        engine.batches.length = 0;
        const [padded] = await engine.run([row, longest]);
        expect(engine.batches).toEqual([2]);
        most = Math.max(most, largest(await alone(row), padded!));
      }
    expect(most).toBeLessThan(1e-5);
  });
});
