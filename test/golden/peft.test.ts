/**
 * One training step against PyTorch and PEFT (golden/peft, written by peft.py, prefix.py, houlsby.py and dropout.py in float64): logits, loss and the gradient of
 * every trainable tensor, on both engines.
 */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as tf from '@tensorflow/tfjs';
import { describe, expect, test } from 'vitest';
import type { Head, Problem, TargetModule } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { float32, readSafetensors, type Tensor } from '../../functions/artifacts/safetensors.ts';
import type { DropoutSpec } from '../../trainer/dropout.ts';
import type { Engine, HostTensor, WeightsFile } from '../../trainer/engines/engine.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { tfjsEngine } from '../../trainer/engines/tfjs.ts';
import type { HeadSpec } from '../../trainer/heads.ts';
import { type MethodName, methodNames, specOf } from '../../trainer/methods/methods.ts';
import { bert } from '../../trainer/models/bert.ts';
import { buildStep, gradientName, type Step } from '../../trainer/step.ts';
import { lossUnits, targetsOf } from '../../trainer/targets.ts';

interface Case {
  name: string;
  task: TaskName;
  labels: string[];
  head: Head;
  /** LoRA where left out. */
  method?: MethodName;
  rank?: number;
  alpha?: number;
  rsLora?: boolean;
  targetModules?: TargetModule[];
  /** Tokens of a prompt or prefix. */
  virtual?: number;
  adapterSize?: number;
  activation: string;
  labelSmoothing: number;
  problem?: Problem;
  classWeights?: number[];
  tokens: number;
  lengths: number[];
  /** Rates, and a key for each place that drops; those of dropout.json alone. */
  dropout?: DropoutSpec;
  keys?: number[];
}

const path = (name: string) => fileURLToPath(new URL(`peft/${name}`, import.meta.url));
const json = (name: string) => JSON.parse(readFileSync(path(name), 'utf8'));
const tensorsOf = (name: string) => readSafetensors(readFileSync(path(name)), name);

const cases: Case[] = [...json('cases.json'), ...json('prefix.json'), ...json('houlsby.json')];
const dropoutCases: Case[] = json('dropout.json');
const config = json('config.json');
const weights: WeightsFile = {
  path: path('model.safetensors'),
  tensors: new Map(
    [...tensorsOf('model.safetensors')].map(([name, { offset, data }]) => [
      name,
      { offset, bytes: data.length, dtype: 'F32' },
    ]),
  ),
};

/** Tensors of the encoder by the names under which they are trained themselves. */
const ofBase = new Map(
  [...tensorsOf('model.safetensors')].map(([name, tensor]) => [`base_model.model.bert.${name}`, tensor]),
);

const engines: Engine[] = [onnxEngine({ threads: 1 }), tfjsEngine(tf)];
/** float32 against float64, relative to the tensor's largest element; PyTorch's own float32 is within 3e-5 of it here. */
const tolerance = 1e-4;
const paddingTolerance = 1e-5;
/** Of an element whose whole tensor is zero, as the gradient of `qa_outputs.bias`, which softmax over positions cancels. */
const floor = 1e-6;
const extraColumns = 3;

function headOf({ task, problem, labels, head, labelSmoothing, classWeights }: Case): HeadSpec {
  const weighting = {
    labelSmoothing,
    ...(classWeights ? { classWeights: Float32Array.from(classWeights) } : {}),
  };
  return { task, head, labels: labels.length, weighting, ...(problem ? { problem } : {}) };
}

function stepOf(testCase: Case): Step {
  const { method = 'lora', activation, dropout, rank, alpha, rsLora, targetModules, adapterSize } = testCase;
  const flags = {
    ...{ rank, alpha, rsLora, targetModules, adapterSize },
    ...(testCase.virtual === undefined ? {} : { [`${method}Tokens`]: testCase.virtual }),
  };
  return buildStep({
    config: bert.readConfig({ ...config, hidden_act: activation }),
    method: specOf(method, flags),
    head: headOf(testCase),
    ...(dropout ? { dropout } : {}),
  });
}

const ints = ({ data }: Tensor) => new Int32Array(new Uint8Array(data).buffer);

/** What each row teaches, from the labels as they were given to PyTorch. */
function taughtBy(testCase: Case, { dtype, data }: Tensor) {
  const { problem, task, labels, lengths } = testCase;
  const classes = labels.length;
  const virtual = { prompt: { tokens: leadOf(testCase) } };
  const bytes = new Uint8Array(data).buffer;
  const all = dtype === 'F32' ? new Float32Array(bytes) : new Int32Array(bytes);
  const perRow = all.length / lengths.length;
  return lengths.map((_, row) => {
    const own = all.slice(row * perRow, (row + 1) * perRow);
    const indices = Array.from({ length: classes }, (_, label) => label).filter(label => own[label] === 1);
    const targets = task === 'classification' && problem === 'multi-label' ? Int32Array.from(indices) : own;
    return { targets, virtual };
  });
}

/** Places of a row before its tokens. */
const leadOf = ({ method, virtual = 0 }: Case) => (method === 'prompt' ? virtual : 0);

/** The recorded batch, with `extra` more columns of padding that hold arbitrary ids. */
function inputsOf(
  testCase: Case,
  golden: ReadonlyMap<string, Tensor>,
  extra: number,
): Record<string, HostTensor> {
  const { head, tokens: recorded, method, virtual = 0 } = testCase;
  const lead = leadOf(testCase);
  const lengths = testCase.lengths.map(length => lead + length);
  const rows = lengths.length;
  const tokens = lead + recorded + extra;
  const spec = headOf(testCase);
  const taught = taughtBy(testCase, golden.get('labels')!);
  const widened = (name: string, filler: number): HostTensor => {
    const from = ints(golden.get(name)!);
    const data = new Int32Array(rows * tokens).fill(filler);
    for (let row = 0; row < rows; row++) {
      data.fill(0, row * tokens, row * tokens + lead);
      data.set(from.subarray(row * recorded, (row + 1) * recorded), row * tokens + lead);
    }
    return { dtype: 'int32', shape: [rows, tokens], data };
  };
  const perToken = (f: (row: number, token: number) => number) =>
    Float32Array.from({ length: rows * tokens }, (_, i) => f(Math.floor(i / tokens), i % tokens));
  const pooling = (row: number, token: number) => {
    if (head.kind === 'pooled' && head.pooling === 'mean')
      return token < lengths[row]! ? 1 / lengths[row]! : 0;
    return token === 0 ? 1 : 0;
  };
  const inputs: Record<string, HostTensor> = {
    input_ids: widened('input_ids', 63),
    token_type_ids: widened('token_type_ids', 1),
    position_ids: {
      dtype: 'int32',
      shape: [tokens],
      data: Int32Array.from({ length: tokens }, (_, i) => i + (method === 'prefix' ? virtual : 0)),
    },
    answer_bias: {
      dtype: 'float32',
      shape: [rows, 1, tokens],
      data: perToken((row, token) => (token >= lead && token < lengths[row]! ? 0 : -1e9)),
    },
    prompt_places: {
      dtype: 'int32',
      shape: [rows * lead],
      data: Int32Array.from({ length: rows * lead }, (_, i) => Math.floor(i / lead) * tokens + (i % lead)),
    },
    attention_bias: {
      dtype: 'float32',
      shape: [rows, 1, 1, tokens],
      data: perToken((row, token) => (token < lengths[row]! ? 0 : -1e9)),
    },
    targets: targetsOf(taught, spec, { s: tokens, units: lossUnits(taught, spec) }),
  };
  if (testCase.keys)
    inputs.dropout_keys = {
      dtype: 'int32',
      shape: [testCase.keys.length],
      data: Int32Array.from(testCase.keys, key => key | 0),
    };
  if (head.kind === 'pooled')
    inputs.pooling = { dtype: 'float32', shape: [rows, 1, tokens], data: perToken(pooling) };
  for (const { name, shape } of stepOf(testCase).layout.parameters)
    inputs[name] = { dtype: 'float32', shape, data: float32(golden.get(name) ?? ofBase.get(name)!) };
  return inputs;
}

const largestOf = (values: Iterable<number>) => Math.max(...Array.from(values, Math.abs));

function expectClose(
  what: string,
  actual: ArrayLike<number>,
  { expected, within }: { expected: Float32Array; within: number },
) {
  expect(actual.length, what).toBe(expected.length);
  const differences = expected.map((value, i) => actual[i]! - value);
  expect(
    largestOf(differences),
    `${what}, whose largest element is ${largestOf(expected)}`,
  ).toBeLessThanOrEqual(within * largestOf(expected) + floor);
}

/** Runs the case as recorded and again with more padding. */
async function run(engine: Engine, testCase: Case, golden: ReadonlyMap<string, Tensor>) {
  const { outputs, logits } = stepOf(testCase);
  const program = await engine.compile({ outputs: { ...outputs, logits }, weights });
  try {
    const recorded = await program.run(inputsOf(testCase, golden, 0));
    return { recorded, padded: await program.run(inputsOf(testCase, golden, extraColumns)) };
  } finally {
    await program.close();
  }
}

describe.each(engines.map(engine => [engine.name, engine] as const))('the %s engine', (_, engine) => {
  test.each(cases.map(testCase => [testCase.name, testCase] as const))(
    '%s: logits, loss and gradients are those of PyTorch and PEFT, and padding does not matter',
    async (_, testCase) => {
      const golden = tensorsOf(`${testCase.name}.safetensors`);
      const { recorded, padded } = await run(engine, testCase, golden);
      const { layout } = stepOf(testCase);
      const gradients = layout.parameters.map(({ name }) => gradientName(name));
      for (const name of ['logits', 'loss', ...gradients])
        expectClose(name, recorded[name]!.data, { expected: float32(golden.get(name)!), within: tolerance });
      for (const name of ['loss', ...gradients])
        expectClose(`${name} with more padding`, padded[name]!.data, {
          expected: recorded[name]!.data as Float32Array,
          within: paddingTolerance,
        });
    },
  );

  test.each(dropoutCases.map(testCase => [testCase.name, testCase] as const))(
    '%s: logits, loss and gradients are those of PyTorch where it drops the same places',
    async (_, testCase) => {
      const golden = tensorsOf(`${testCase.name}.safetensors`);
      const { layout, outputs, logits, dropoutSites } = stepOf(testCase);
      expect(dropoutSites).toBe(testCase.keys!.length);
      const program = await engine.compile({ outputs: { ...outputs, logits }, weights });
      const answers = await program.run(inputsOf(testCase, golden, 0));
      await program.close();
      for (const name of ['logits', 'loss', ...layout.parameters.map(({ name }) => gradientName(name))])
        expectClose(name, answers[name]!.data, { expected: float32(golden.get(name)!), within: tolerance });
    },
  );
});

test.each(cases.map(testCase => [testCase.name, testCase] as const))(
  '%s: PyTorch trains the same tensors under the same names, which are PEFT’s where it has the method',
  (_, testCase) => {
    const golden = tensorsOf(`${testCase.name}.safetensors`);
    const ofPeft = [...golden]
      .filter(([name]) => name.startsWith('grad:'))
      .map(([name, { shape }]) => [name.slice('grad:'.length), shape]);
    const ours = stepOf(testCase).layout.parameters.map(({ name, shape }) => [name, shape]);
    expect(new Map(ours as [string, number[]][])).toEqual(new Map(ofPeft as [string, number[]][]));
  },
);

test('the cases cover every method, target module, head and activation, padding and both token types', () => {
  expect(new Set(cases.map(({ method = 'lora' }) => method))).toEqual(new Set(methodNames));
  expect(new Set(cases.map(({ targetModules }) => targetModules?.join('')))).toEqual(
    new Set(['qv', 'qkvo', 'qkvoud', 'd', 'qd', 'koud', 'kvd', 'kvod', undefined]),
  );
  expect(new Set(cases.map(({ head }) => JSON.stringify(head))).size).toBe(5);
  expect(new Set(cases.map(({ problem }) => problem))).toEqual(
    new Set([undefined, 'single-label', 'multi-label', 'regression']),
  );
  expect(new Set(cases.map(({ activation }) => activation))).toEqual(new Set(['gelu', 'relu']));
  for (const testCase of cases) {
    expect(new Set(testCase.lengths).size, testCase.name).toBeGreaterThan(1);
    if (testCase.rank !== undefined) expect(testCase.alpha).not.toBe(testCase.rank);
    const golden = tensorsOf(`${testCase.name}.safetensors`);
    expect(new Set(ints(golden.get('token_type_ids')!))).toEqual(new Set([0, 1]));
  }
});
