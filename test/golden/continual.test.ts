/** Fisher, EWC and O-LoRA against PyTorch and PEFT (continual.json, by continual.py), and what each must do at its extremes. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import type { TargetModule } from '../../functions/artifacts/manifests.ts';
import { float32, readSafetensors } from '../../functions/artifacts/safetensors.ts';
import type { TrainingRow } from '../../trainer/batches.ts';
import { ewcPenalty } from '../../trainer/continual/ewc.ts';
import { measureFisher } from '../../trainer/continual/fisher.ts';
import { grownPairs, orthogonalPenalty } from '../../trainer/continual/orthogonal.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import type { HeadSpec } from '../../trainer/heads.ts';
import { specOf } from '../../trainer/methods/methods.ts';
import { bert } from '../../trainer/models/bert.ts';
import { layoutOf, views } from '../../trainer/parameters.ts';
import { buildStep } from '../../trainer/step.ts';

const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const json = (name: string) => JSON.parse(readFileSync(path(name), 'utf8'));
const tensorsOf = (name: string) => readSafetensors(readFileSync(path(`peft/${name}`)), name);
interface Golden {
  fisher: { name: string; fisher: Record<string, number[]> }[];
  ewc: {
    lambda_: number;
    anchor: number[];
    values: number[];
    fisher: number[];
    loss: number;
    gradient: number[];
  };
  orthogonal: {
    lambda_: number;
    old: number;
    loss: number;
    layers: { a: number[][]; gradient: number[][] }[];
  };
}
const golden: Golden = json('continual.json');
const cases: (HeadSpec & {
  name: string;
  labels: string[];
  classWeights?: number[];
  activation: string;
  rank: number;
  alpha: number;
  targetModules: TargetModule[];
  tokens: number;
  lengths: number[];
})[] = json('peft/cases.json');

/** @param relative To the largest. */
function expectClose(actual: ArrayLike<number>, expected: readonly number[], relative: number) {
  expect(actual.length).toBe(expected.length);
  const largest = Math.max(...expected.map(Math.abs));
  expected.forEach((value, i) => {
    expect(Math.abs(actual[i]! - value), `at ${i} of ${largest}`).toBeLessThanOrEqual(relative * largest);
  });
}

// Squares of float32 gradients, which are within 1e-4 of float64 (peft.test.ts).
test.each(golden.fisher)('the Fisher diagonal of $name, of rows of several lengths', async ({ name, fisher }) => {
  const given = cases.find(each => each.name === name)!;
  const tensors = tensorsOf(`${name}.safetensors`);
  const ints = (of: string) => new Int32Array(new Uint8Array(tensors.get(of)!.data).buffer);
  const [ids, typeIds, labels] = [ints('input_ids'), ints('token_type_ids'), ints('labels')];
  const perRow = labels.length / given.lengths.length;
  const rows = given.lengths.map((length, row): TrainingRow => {
    const at = row * given.tokens;
    const window = {
      ids: ids.slice(at, at + length),
      typeIds: typeIds.slice(at, at + length),
      ...{ position: 0, first: 0, count: length },
    };
    return { window, targets: labels.slice(row * perRow, row * perRow + Math.min(perRow, length)) };
  });
  const { rank, alpha, targetModules } = given;
  const config = bert.readConfig({ ...json('peft/config.json'), hidden_act: given.activation });
  const head: HeadSpec = {
    ...{ task: given.task, head: given.head, labels: given.labels.length, problem: 'single-label' },
    // Neither may have a say in the Fisher.
    weighting: {
      labelSmoothing: 0.3,
      ...(given.classWeights ? { classWeights: Float32Array.from(given.classWeights) } : {}),
    },
  };
  const { layout, outputs } = buildStep({ config, method: specOf('lora', { rank, alpha, targetModules }), head });
  const base = tensorsOf('model.safetensors');
  const engine = onnxEngine({ threads: 1 });
  const program = await engine.compile({
    outputs,
    weights: {
      path: path('peft/model.safetensors'),
      tensors: new Map(
        [...base].map(([key, { offset, data }]) => [key, { offset, bytes: data.length, dtype: 'F32' }]),
      ),
    },
  });
  const values = new Float32Array(layout.size);
  for (const [key, part] of views(layout, values)) part.set(float32(tensors.get(key)!));
  try {
    const found = await measureFisher({ program, layout, values, rows, config, head });
    const parts = views(layout, found);
    expect([...parts.keys()].sort()).toEqual(Object.keys(fisher).sort());
    for (const [key, expected] of Object.entries(fisher)) expectClose(parts.get(key)!, expected, 3e-4);
  } finally {
    await program.close();
  }
});

describe('EWC', () => {
  const { lambda_: lambda, ...given } = golden.ewc;
  const penalty = ewcPenalty({
    anchor: Float32Array.from(given.anchor),
    fisher: Float32Array.from(given.fisher),
    lambda,
  });

  test('adds what PyTorch says to loss and gradient', () => {
    const gradient = new Float32Array(given.values.length).fill(1);
    const loss = penalty.add(Float32Array.from(given.values), gradient);
    expect(loss / given.loss).toBeCloseTo(1, 5);
    expectClose(
      gradient.map(value => value - 1),
      given.gradient,
      1e-5,
    );
  });

  test('is nothing where the run began', () => {
    const gradient = new Float32Array(given.anchor.length);
    expect(penalty.add(Float32Array.from(given.anchor), gradient)).toBe(0);
    expect(gradient.every(value => value === 0)).toBe(true);
  });
});

describe('O-LoRA', () => {
  const { lambda_: lambda, old, layers, loss } = golden.orthogonal;
  const name = (layer: number) => `layer.${layer}.lora_A.weight`;
  const layout = layoutOf(
    layers.flatMap(({ a }, layer) => [
      { name: name(layer), shape: [a.length, a[0]!.length], init: 'zeros' as const, decay: true },
      { name: `layer.${layer}.lora_B.weight`, shape: [2, a.length], init: 'zeros' as const, decay: true },
    ]),
  );
  const start = new Float32Array(layout.size);
  const inherited = new Uint8Array(layout.size);
  const parts = views(layout, start);
  layers.forEach(({ a }, layer) => {
    parts.get(name(layer))!.set(a.flat());
    const { offset } = layout.parameters.find(parameter => parameter.name === name(layer))!;
    inherited.fill(1, offset, offset + old * a[0]!.length);
  });
  const before = new Map(layers.map(({ a }, layer) => [name(layer), { shape: [old, a[0]!.length] }]));
  const pairs = grownPairs(layout, before);
  const penalty = orthogonalPenalty({ pairs, start, inherited, lambda });

  test('adds what PyTorch says to the rows of its own, and takes the gradient of all others away', () => {
    const gradient = new Float32Array(layout.size).fill(1);
    expect(penalty.add(start.slice(), gradient) / loss).toBeCloseTo(1, 5);
    const found = views(layout, gradient);
    layers.forEach(({ a, gradient: expected }, layer) => {
      const width = a[0]!.length;
      const rows = found.get(name(layer))!;
      expect(rows.slice(0, old * width).every(value => value === 0)).toBe(true);
      expectClose(
        rows.slice(old * width).map(value => value - 1),
        expected.slice(old).flat(),
        1e-5,
      );
      expect(found.get(`layer.${layer}.lora_B.weight`)!.every(value => value === 1)).toBe(true);
    });
  });

  test('puts back what is of before, whatever moved it', () => {
    const moved = start.map(value => value + 1);
    const values = moved.slice();
    penalty.settle!(values);
    values.forEach((value, i) => {
      expect(value).toBe(inherited[i] ? start[i] : moved[i]);
    });
  });
});
