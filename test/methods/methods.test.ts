/** Training methods: their options, and where their parameters begin. Gradients are checked in test/golden. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { baseFile } from '../../functions/artifacts/bases.ts';
import { tokenFeeds } from '../../functions/engine/token-feeds.ts';
import type { WeightsFile } from '../../trainer/engines/engine.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { type MethodSpec, methodNames, methodParameters, specOf } from '../../trainer/methods/methods.ts';
import { views } from '../../trainer/parameters.ts';
import { startValues } from '../../trainer/start.ts';
import { buildStep } from '../../trainer/step.ts';
import { readWeight, readWeightsFile } from '../../trainer/weights.ts';
import { type GoldenBase, openGoldenBase } from '../peft/golden-base.ts';

let opened: GoldenBase;
let weights: WeightsFile;
beforeAll(async () => {
  opened = await openGoldenBase();
  const { name, trainingWeights } = opened.base.manifest;
  weights = await readWeightsFile(await baseFile(opened.store, name, trainingWeights, opened.folder));
});
afterAll(() => opened.close());

const head = {
  task: 'classification',
  head: { kind: 'pooled', pooling: 'mean', dense: false },
  labels: 3,
} as const;

async function begun(method: MethodSpec) {
  const step = buildStep({ config: opened.base.manifest.config, method, head });
  const values = await startValues({ layout: step.layout, seed: 7, weights });
  return { ...step, parts: views(step.layout, values) };
}

describe('options', () => {
  test('LoRA has the settings of PEFT’s quick start, unless others are given', () => {
    expect(specOf('lora', {})).toEqual({
      ...{ name: 'lora', rank: 8, alpha: 16, targetModules: ['q', 'k', 'v', 'o', 'u', 'd'] },
    });
    expect(specOf('dora', { rank: 2, targetModules: ['v'] })).toEqual({
      ...{ name: 'dora', rank: 2, alpha: 16, targetModules: ['v'] },
    });
  });

  test('rank-stabilized LoRA is kept as the alpha that gives its scale', () => {
    const spec = specOf('lora', { rank: 4, alpha: 6, rsLora: true });
    // alpha / rank as served is 6 / sqrt(4).
    expect(spec).toMatchObject({ rank: 4, alpha: 12 });
  });

  test.each([
    [() => specOf('full', { rank: 8 }), '--rank goes with --method lora, dora, not with full'],
    [
      () => specOf('bitfit', { targetModules: ['q'] }),
      '--target-modules goes with --method lora, dora, ia3, not with bitfit',
    ],
    [() => specOf('bitfit', { rsLora: true }), '--rs-lora goes with --method lora, dora, not with bitfit'],
    [() => specOf('ia3', { targetModules: ['q', 'v'] }), '--target-modules q,v: --method ia3 scales k,v,o,d'],
    [
      () => specOf('prefix', { promptTokens: 3 }),
      '--prompt-tokens goes with --method prompt, not with prefix',
    ],
    [() => specOf('lora', { adapterSize: 3 }), '--adapter-size goes with --method houlsby, not with lora'],
    [() => specOf('lora', { fromScratch: true }), '--from-scratch goes with --method full, not with lora'],
  ])('of another method are refused: %#', (choose, told) => {
    expect(choose).toThrow(told);
  });
});

test('every method but those that add tokens begins as the base: before the first step, logits are those of the frozen encoder', async () => {
  const { config } = opened.base.manifest;
  const ids = Int32Array.of(2, 9, 33, 41, 17, 3);
  const window = { ids, typeIds: Int32Array.of(0, 0, 0, 1, 1, 1), position: 1, first: 0, count: 4 };
  const feeds = tokenFeeds([{ window, head: head.head }], config);
  const logitsOf = async (method: MethodSpec) => {
    const { layout, logits, parts } = await begun(method);
    const program = await onnxEngine({ threads: 1 }).compile({ outputs: { logits }, weights });
    const parameters = layout.parameters.map(({ name, shape }) => {
      const isHead = name.startsWith('base_model.model.classifier.');
      const data = isHead ? parts.get(name)!.map((_, i) => Math.sin(i)) : parts.get(name)!;
      return [name, { dtype: 'float32' as const, shape, data }] as const;
    });
    const outputs = await program.run({ ...feeds, ...Object.fromEntries(parameters) });
    await program.close();
    return outputs.logits!.data;
  };
  // B of LoRA is zero.
  const expected = await logitsOf(specOf('lora', {}));
  for (const name of methodNames.filter(name => name !== 'prompt' && name !== 'prefix')) {
    const logits = await logitsOf(specOf(name, {}));
    logits.forEach((value, i) => {
      expect(Math.abs(value - expected[i]!), name).toBeLessThan(1e-5);
    });
  }
});

test('a prompt begins with words of the vocabulary, which the seed chooses', async () => {
  const words = new Set<string>();
  const table = (await readWeight(weights, 'embeddings.word_embeddings.weight'))!;
  const width = opened.base.manifest.config.hiddenSize;
  for (let i = 0; i < table.length; i += width) words.add(`${table.slice(i, i + width)}`);
  const vectors = (await begun(specOf('prompt', { promptTokens: 6 }))).parts.get('prompt_embeddings')!;
  const drawn = Array.from({ length: 6 }, (_, i) => `${vectors.slice(i * width, (i + 1) * width)}`);
  expect(drawn.filter(word => !words.has(word))).toEqual([]);
  expect(new Set(drawn).size).toBeGreaterThan(3);
});

test('a prefix is refused for a family whose attention goes by distances', () => {
  const { config } = opened.base.manifest;
  const mpnet = { ...config, family: 'mpnet', relativeBuckets: 32 };
  const modernbert = { ...config, family: 'modernbert', rotary: { global: 160_000, local: 10_000 } };
  for (const other of [mpnet, modernbert])
    expect(() => methodParameters(other, specOf('prefix', {}))).toThrow(
      `--method prefix: attention of family ${other.family}`,
    );
});

test('from scratch, matrices are normal with deviation 0.02, biases zero, and gains of LayerNorm one', async () => {
  const { parts } = await begun(specOf('full', { fromScratch: true }));
  const of = (name: string) => parts.get(`base_model.model.bert.${name}`)!;
  const words = of('embeddings.word_embeddings.weight');
  const mean = words.reduce((sum, value) => sum + value, 0) / words.length;
  const deviation = Math.sqrt(words.reduce((sum, value) => sum + (value - mean) ** 2, 0) / words.length);
  // Standard errors of 2048 draws: 0.0004 and 0.0003.
  expect(Math.abs(mean)).toBeLessThan(0.002);
  expect(Math.abs(deviation - 0.02)).toBeLessThan(0.0015);
  expect(Math.max(...words)).toBeGreaterThan(0.05);
  expect(new Set(of('encoder.layer.1.output.dense.bias'))).toEqual(new Set([0]));
  expect(new Set(of('encoder.layer.0.output.LayerNorm.weight'))).toEqual(new Set([1]));
  expect((await begun(specOf('full', { fromScratch: true }))).parts).toEqual(parts);
});
