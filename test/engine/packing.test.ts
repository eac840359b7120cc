/** A graph's weights may be packed some runs after it was opened: not a bit of an answer depends on it. */
import { afterAll, beforeAll, expect, it } from 'vitest';
import { batchingEngine } from '../../functions/engine/batching.ts';
import { inlineRunner } from '../../functions/engine/inline-runner.ts';
import { type TestBase, testBase } from './base.ts';
import { randomAdapter, randomRow } from './rows.ts';

let base: TestBase;
beforeAll(async () => {
  base = await testBase('wide', 'int8');
});
afterAll(() => base.remove());

function engineOf(unpackedRuns: number) {
  const startRunner = () => inlineRunner(base.graphPath, { threads: 1, unpackedRuns });
  const limits = { maxTokens: 4096, maxRows: 64 };
  return batchingEngine({
    base: base.manifest,
    ...{ runners: 1, depth: 1, limits, maxWaitingRows: 64, startRunner },
  });
}

it.each([
  ['one row', 1],
  ['a batch', 9],
])('%s: unpacked, packed meanwhile and packed at once', async (_, size) => {
  const { config } = base.manifest;
  const adapter = randomAdapter(config, {
    ...{ seed: 1, rank: 8, modules: ['q', 'k', 'v', 'o', 'u', 'd'], labels: 3, quantization: 'int8' },
    head: { kind: 'token' },
  });
  const rows = Array.from({ length: size }, (_, seed) =>
    randomRow(config, { adapter, length: 17 + seed, seed }),
  );
  const packed = engineOf(0);
  const expected = await packed.run(rows);
  await packed.close();
  const engine = engineOf(2);
  for (let run = 0; run < 5; run++) expect(await engine.run(rows)).toEqual(expected);
  await engine.close();
});
