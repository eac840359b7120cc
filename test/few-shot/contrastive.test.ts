/** The contrastive loss and its gradients against PyTorch and PEFT (golden/contrastive.py), and the batches it is taken over. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import { float32, readSafetensors } from '../../functions/artifacts/safetensors.ts';
import { encoderFeeds, type TrainingRow } from '../../trainer/batches.ts';
import type { Engine, HostTensor } from '../../trainer/engines/engine.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { tfjsEngine } from '../../trainer/engines/tfjs.ts';
import { prototypeHead } from '../../trainer/few-shot/choice.ts';
import { contrastiveOutputs, pairBatch, pairFeeds } from '../../trainer/few-shot/contrastive.ts';
import { buildEmbedding } from '../../trainer/few-shot/embedding.ts';
import { frozenSeams } from '../../trainer/methods/frozen.ts';
import { specOf } from '../../trainer/methods/methods.ts';
import { bert } from '../../trainer/models/bert.ts';
import { gradientName } from '../../trainer/step.ts';
import { readWeightsFile } from '../../trainer/weights.ts';

const path = (name: string) => fileURLToPath(new URL(`../golden/peft/${name}`, import.meta.url));
const json = (name: string) => JSON.parse(readFileSync(path(name), 'utf8'));
const golden = readSafetensors(readFileSync(path('contrastive.safetensors')), 'contrastive');
const { lengths, tokens, rank, alpha, targetModules } = json('contrastive.json');
const ints = (name: string) => new Int32Array(new Uint8Array(golden.get(name)!.data).buffer);
const classes = [...ints('labels')];

const config = bert.readConfig(json('config.json'));
const embedding = buildEmbedding({
  config,
  method: specOf('lora', { rank, alpha, targetModules }),
  frozen: frozenSeams(config),
});
const parameters = Object.fromEntries(
  embedding.layout.parameters.map(({ name, shape }): [string, HostTensor] => [
    name,
    { dtype: 'float32', shape, data: float32(golden.get(name)!) },
  ]),
);
const rows = (lengths as number[]).map((length, row): TrainingRow => {
  const part = (name: string) => ints(name).slice(row * tokens, row * tokens + length);
  const window = {
    ids: part('input_ids'),
    typeIds: part('token_type_ids'),
    position: 0,
    first: 0,
    count: length,
  };
  return { window, targets: Int32Array.of(classes[row]!) };
});

async function outputsOf(engine: Engine, chosen: readonly TrainingRow[], of: readonly number[]) {
  const program = await engine.compile({
    outputs: { ...contrastiveOutputs(embedding), pooled: embedding.pooled },
    weights: await readWeightsFile(path('model.safetensors')),
  });
  try {
    return await program.run({
      ...encoderFeeds(chosen, { config, head: prototypeHead }),
      ...pairFeeds(of),
      ...parameters,
    });
  } finally {
    await program.close();
  }
}

const largest = (values: ArrayLike<number>) => Math.max(...Array.from(values, Math.abs));

test.each([onnxEngine({ threads: 1 }), tfjsEngine(tf)].map(engine => [engine.name, engine] as const))(
  'the %s engine: pooled texts, loss and gradients are those of PyTorch and PEFT',
  async (_, engine) => {
    expect(classes).toEqual([0, 1, 2, 3, 0, 1, 2]);
    const outputs = await outputsOf(engine, rows, classes);
    const names = embedding.layout.parameters.map(({ name }) => name);
    for (const [ours, theirs] of [
      ...[['pooled', 'logits'] as const, ['loss', 'loss'] as const],
      ...names.map(name => [gradientName(name), gradientName(name)] as const),
    ]) {
      const expected = float32(golden.get(theirs)!);
      const differences = expected.map((value, i) => outputs[ours]!.data[i]! - value);
      // float32 against float64, over a softmax of differences of cosines that are taken twenty times.
      expect(largest(differences), ours).toBeLessThan(3e-4 * largest(expected));
    }
  },
);

describe('at the extremes', () => {
  const engine = onnxEngine({ threads: 1 });

  test('the same text under two labels has a finite loss and finite gradients', async () => {
    const outputs = await outputsOf(engine, [rows[0]!, rows[0]!, rows[1]!, rows[1]!], [0, 1, 0, 1]);
    for (const { data } of Object.values(outputs)) expect(Array.from(data).every(Number.isFinite)).toBe(true);
    expect(outputs.loss!.data[0]).toBeGreaterThan(1);
  });

  test('a batch in which no class has two texts teaches nothing', async () => {
    const outputs = await outputsOf(engine, rows.slice(0, 3), [0, 1, 2]);
    expect(outputs.loss!.data[0]).toBeCloseTo(0, 12);
    for (const { name } of embedding.layout.parameters)
      expect(largest(outputs[gradientName(name)]!.data)).toBe(0);
  });

  test('two texts of one class are as close as can be: a loss of zero', async () => {
    expect((await outputsOf(engine, rows.slice(0, 2), [0, 0])).loss!.data[0]).toBeCloseTo(0, 12);
  });
});

describe('batches of pairs', () => {
  const byClass = [[0, 1, 2], [3], [4, 5], [6, 7, 8, 9], [10, 11]];
  const classOf = (row: number) => byClass.findIndex(members => members.includes(row));
  const batch = (step: number, width = 3, seed = 1) => pairBatch({ byClass, width, seed }, step);

  test('have two different texts of each of their classes, or the one that there is', () => {
    for (let step = 0; step < 50; step++) {
      const rows = batch(step);
      expect(new Set(rows).size).toBe(rows.length);
      const counts = new Map<number, number>();
      for (const row of rows) counts.set(classOf(row), (counts.get(classOf(row)) ?? 0) + 1);
      for (const [name, count] of counts) expect(count).toBe(name === 1 ? 1 : 2);
      expect(counts.size).toBeGreaterThan(1);
      expect(counts.size).toBeLessThanOrEqual(3);
    }
  });

  test('take classes in turn and reach every text', () => {
    const all = Array.from({ length: 60 }, (_, step) => batch(step)).flat();
    expect(new Set(all).size).toBe(12);
    // Of 60 steps of three places, each of five classes has 36, less where a turn begins in the middle of a batch.
    for (const name of byClass.keys()) {
      const places = all.filter(row => classOf(row) === name).length / (name === 1 ? 1 : 2);
      expect(places).toBeGreaterThan(26);
      expect(places).toBeLessThanOrEqual(36);
    }
  });

  test('depend on seed and step alone', () => {
    expect(batch(7)).toEqual(batch(7));
    expect([8, 9, 10].map(step => batch(step))).not.toEqual([8, 9, 10].map(step => batch(step, 3, 2)));
    expect(batch(3, 100).map(classOf).sort()).toEqual([0, 0, 1, 2, 2, 3, 3, 4, 4]);
  });
});
