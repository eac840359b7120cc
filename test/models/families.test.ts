/**
 * Every family against transformers and PEFT (test/golden/families, written by families.py): hidden states, logits, loss
 * and the gradient of every trainable tensor, then what is served over a base that was built from the same checkpoint.
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type EncoderConfig, type TargetModule, targetModules } from '../../functions/artifacts/manifests.ts';
import { headNames, loraNames, loraNamesOf } from '../../functions/artifacts/modules.ts';
import { float32 } from '../../functions/artifacts/safetensors.ts';
import { stepInputs } from '../../trainer/batches.ts';
import type { HostTensor } from '../../trainer/engines/engine.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { Graph } from '../../trainer/graph/graph.ts';
import { adaptedSeams } from '../../trainer/methods/methods.ts';
import { familyOf } from '../../trainer/models/families.ts';
import { encoderInputs } from '../../trainer/models/family.ts';
import { peftLayers } from '../../trainer/peft/layers.ts';
import { buildStep, gradientName } from '../../trainer/step.ts';
import { readWeightsFile } from '../../trainer/weights.ts';
import { countingEngine } from '../engine/base.ts';
import {
  type FamilyBases,
  type Golden,
  goldenFamilies,
  openFamily,
  readGolden,
  windowsOf,
} from './golden-family.ts';

/** float32 against float64, relative to the tensor's largest element. */
const tolerance = 1e-4;
const paddingTolerance = 1e-5;
const lora = { name: 'lora' as const, rank: 2, alpha: 3, targetModules: [...targetModules] };
const labels = 3;

const largest = (values: Float32Array) => values.reduce((max, value) => Math.max(max, Math.abs(value)), 0);

function expectClose(what: string, actual: Float32Array, expected: Float32Array) {
  expect(actual.length, what).toBe(expected.length);
  const difference = largest(expected.map((value, i) => actual[i]! - value));
  expect(difference, what).toBeLessThanOrEqual(tolerance * largest(expected));
}

function join(parts: readonly Float32Array[]): Float32Array {
  return Float32Array.from(parts.flatMap(part => [...part]));
}

/** PEFT's tensors of the LoRA layers as ours: rows of a fused layer's B go to its modules, which share its A. */
function parametersOf({ family, tensors }: Golden, { layers }: EncoderConfig) {
  const values = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  const take = (name: string) => ({ ...tensors.get(name)!, data: float32(tensors.get(name)!) });
  for (const name of Object.values(headNames(family, 'classification')))
    if (tensors.has(name)) values.set(name, take(name));
  for (let layer = 0; layer < layers; layer++)
    for (const { path, modules } of peftLayers(family, layer)) {
      const names = loraNamesOf(path);
      const [a, b] = [take(names.a), take(names.b)];
      const rows = b.shape[0]! / modules.length;
      modules.forEach((module, i) => {
        const own = loraNames(family, layer, module);
        values.set(own.a, a);
        const data = b.data.slice(i * rows * lora.rank, (i + 1) * rows * lora.rank);
        values.set(own.b, { shape: [rows, lora.rank], data });
      });
    }
  return values;
}

/** Our gradients as PEFT has them: those of a shared A add up. */
function gradientsOf(
  { family }: Golden,
  { layers }: EncoderConfig,
  ours: (name: string) => Float32Array,
): Map<string, Float32Array> {
  const gradients = new Map<string, Float32Array>();
  for (let layer = 0; layer < layers; layer++)
    for (const { path, modules } of peftLayers(family, layer)) {
      const own = modules.map((module: TargetModule) => loraNames(family, layer, module));
      const [first, ...others] = own.map(({ a }) => ours(a));
      const sum = first!.map((value, i) => others.reduce((total, other) => total + other[i]!, value));
      gradients.set(loraNamesOf(path).a, sum);
      gradients.set(loraNamesOf(path).b, join(own.map(({ b }) => ours(b))));
    }
  return gradients;
}

describe.each(goldenFamilies)('%s', name => {
  const golden = readGolden(name);
  const config = familyOf(name).readConfig(golden.config);
  const spec = { task: 'classification', head: golden.head, labels } as const;
  const values = (tensor: string) => float32(golden.tensors.get(tensor)!);
  let opened: FamilyBases;
  beforeAll(async () => {
    opened = await openFamily(golden);
  });
  afterAll(() => opened.remove());

  const inputs = (): Record<string, HostTensor> => {
    const rows = windowsOf(golden).map((window, row) => ({ window, targets: Int32Array.of(row % labels) }));
    const parameters = [...parametersOf(golden, config)].map(
      ([parameter, { shape, data }]) => [parameter, { dtype: 'float32', shape, data }] as const,
    );
    return { ...stepInputs(rows, { config, head: spec, units: 3 }), ...Object.fromEntries(parameters) };
  };

  test('a training step computes the logits, loss and gradients of PyTorch and PEFT', async () => {
    const step = buildStep({ config, method: lora, head: spec });
    expect(new Set(step.layout.parameters.map(parameter => parameter.name))).toEqual(
      new Set(parametersOf(golden, config).keys()),
    );
    const weights = await readWeightsFile(await (await opened.base('fp32')).trainingWeights());
    const outputs = { ...step.outputs, logits: step.logits };
    const program = await onnxEngine({ threads: 1 }).compile({ outputs, weights });
    const results = await program.run(inputs());
    await program.close();
    const ours = (parameter: string) => results[gradientName(parameter)]!.data as Float32Array;
    for (const tensor of ['logits', 'loss'])
      expectClose(tensor, results[tensor]!.data as Float32Array, values(tensor));
    const gradients = gradientsOf(golden, config, ours);
    for (const head of Object.values(headNames(name, 'classification')))
      if (golden.tensors.has(head)) gradients.set(head, ours(head));
    const recorded = [...golden.tensors.keys()].filter(tensor => tensor.startsWith('grad:'));
    expect(new Set(recorded)).toEqual(new Set([...gradients.keys()].map(tensor => `grad:${tensor}`)));
    for (const [tensor, gradient] of gradients) expectClose(tensor, gradient, values(`grad:${tensor}`));
  });

  test('hidden states are those of transformers, at every token', async () => {
    const g = new Graph();
    const parameters = new Map(
      [...parametersOf(golden, config)].map(([parameter, { shape }]) => [
        parameter,
        g.input(parameter, shape),
      ]),
    );
    const seams = adaptedSeams({ g, config, spec: lora, parameters });
    const encoder = { g, config, inputs: encoderInputs(g), ...seams };
    const hidden = familyOf(name).encode(encoder);
    const weights = await readWeightsFile(await (await opened.base('fp32')).trainingWeights());
    const program = await onnxEngine({ threads: 1 }).compile({ outputs: { hidden }, weights });
    const results = (await program.run(inputs())).hidden!.data as Float32Array;
    await program.close();
    const [tokens, h] = [Math.max(...golden.lengths), config.hiddenSize];
    const seen = (states: Float32Array) =>
      join(golden.lengths.map((n, row) => states.slice(row * tokens * h, (row * tokens + n) * h)));
    expectClose('hidden', seen(results), seen(values('hidden')));
  });

  test('a float32 base serves the logits of PEFT, from a directory that PEFT wrote', async () => {
    const engine = countingEngine(await opened.base('fp32'));
    const adapter = await opened.adapter('fp32');
    const rows = windowsOf(golden).map(window => ({ window, adapter }));
    const logits = await engine.run(rows);
    expectClose('logits', join(logits), values('logits'));
    for (const [i, row] of rows.entries()) {
      const [alone] = await engine.run([row]);
      const difference = largest(alone!.map((value, label) => value - logits[i]![label]!));
      expect(difference, `row ${i} without its neighbours' padding`).toBeLessThan(paddingTolerance);
    }
    await engine.close();
  });

  test('an int8 base serves nearly the same, and the same bits alone and with others', async () => {
    const base = await opened.base('int8');
    expect(base.manifest.fidelity.cosineMin).toBeGreaterThan(0.99);
    const engine = countingEngine(base);
    const adapter = await opened.adapter('int8');
    const rows = windowsOf(golden).map(window => ({ window, adapter }));
    const logits = join(await engine.run(rows));
    const exact = values('logits');
    const difference = largest(exact.map((value, i) => logits[i]! - value));
    expect(difference).toBeLessThan(0.1 * largest(exact));
    const same = windowsOf(golden)[0]!;
    const [alone] = await engine.run([{ window: same, adapter }]);
    const together = await engine.run([0, 1, 2].map(() => ({ window: same, adapter })));
    await engine.close();
    for (const row of together) expect(row).toEqual(alone);
  });
});
