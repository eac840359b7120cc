/** Whole training steps, on a tiny BERT and on one of MiniLM-L6's size: both engines agree, and the tfjs engine keeps nothing behind. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { EncoderConfig, Head } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { stepInputs, type TrainingRow } from '../../trainer/batches.ts';
import { encoders, writeRandomWeights } from '../../trainer/bench/random-base.ts';
import { cacheDir } from '../../trainer/commands/command.ts';
import type { Engine, HostTensor, WeightsFile } from '../../trainer/engines/engine.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { tfjsEngine } from '../../trainer/engines/tfjs.ts';
import { findTfjsPackages } from '../../trainer/engines/tfjs-package.ts';
import { tfjsProcessEngine } from '../../trainer/engines/tfjs-process.ts';
import type { MethodSpec } from '../../trainer/methods/methods.ts';
import { bert } from '../../trainer/models/bert.ts';
import { initialValues, views } from '../../trainer/parameters.ts';
import { buildStep } from '../../trainer/step.ts';
import { lossUnits } from '../../trainer/targets.ts';
import { readWeightsFile } from '../../trainer/weights.ts';
import { writeTinyBase } from '../tiny-base.ts';

const onnx = onnxEngine({ threads: 1 });
const tfjs = tfjsEngine(tf);
const [native] = findTfjsPackages(cacheDir);
const method: MethodSpec = { name: 'lora', rank: 4, alpha: 8, targetModules: ['q', 'v', 'u'] };

interface TestBase {
  config: EncoderConfig;
  weights: WeightsFile;
}

/** MiniLM-L6 in everything but the words it knows. */
const miniConfig: EncoderConfig = { ...encoders['MiniLM-L6'], vocabularySize: 64 };

let folder: string;
let tiny: TestBase;
let mini: TestBase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-engines-'));
  const base = await writeTinyBase(join(folder, 'tiny'));
  tiny = {
    config: bert.readConfig(JSON.parse(await readFile(join(base, 'config.json'), 'utf8'))),
    weights: await readWeightsFile(join(base, 'model.safetensors')),
  };
  const path = join(folder, 'mini.safetensors');
  await writeRandomWeights(miniConfig, path);
  mini = { config: miniConfig, weights: await readWeightsFile(path) };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The step of a task and what is fed to it: rows of 4, 7 and 12 tokens, B matrices that are not zero. */
function stepOf(task: TaskName, { config, weights }: TestBase = tiny) {
  const head: Head =
    task === 'classification' ? { kind: 'pooled', pooling: 'mean', dense: false } : { kind: 'token' };
  const spec = { task, head, labels: task === 'question-answering' ? 2 : 3 };
  const step = buildStep({ config, method, head: spec });
  const rows = [4, 7, 12].map(
    (length, row): TrainingRow => ({
      window: {
        ids: Int32Array.from({ length }, (_, i) => 2 + ((i * 7 + row) % 60)),
        ...{ typeIds: new Int32Array(length), position: 1, first: 0, count: length - 2 },
      },
      targets:
        task === 'classification'
          ? Int32Array.of(row)
          : task === 'question-answering'
            ? Int32Array.of(1, 2)
            : Int32Array.from({ length }, (_, i) => (i === 0 ? -100 : i % 3)),
    }),
  );
  const values = initialValues(step.layout, { seed: 3, stream: 0 }).map(
    (value, i) => value + 0.05 * Math.sin(i),
  );
  const parts = views(step.layout, values);
  const parameters = step.layout.parameters.map(({ name, shape }): [string, HostTensor] => [
    name,
    { dtype: 'float32', shape, data: parts.get(name)! },
  ]);
  const units = lossUnits(rows, spec);
  const inputs = { ...stepInputs(rows, { config, head: spec, units }), ...Object.fromEntries(parameters) };
  return { source: { outputs: { ...step.outputs, logits: step.logits }, weights }, inputs };
}

const tasks = ['classification', 'sequence-labeling', 'question-answering'] as const;

/** Logits, loss and every gradient, relative to the largest of each tensor. */
async function expectAgreement(engine: Engine, { source, inputs }: ReturnType<typeof stepOf>): Promise<void> {
  const [ours, theirs] = await Promise.all(
    [engine, onnx].map(async each => {
      const program = await each.compile(source);
      const answers = await program.run(inputs);
      await program.close();
      return answers;
    }),
  );
  expect(Object.keys(ours!)).toEqual(Object.keys(source.outputs));
  for (const [name, { shape, data }] of Object.entries(theirs!)) {
    expect(ours![name]!.shape, name).toEqual(shape);
    const largest = Math.max(...Array.from(data, Math.abs));
    const furthest = Math.max(...Array.from(data, (value, i) => Math.abs(value - ours![name]!.data[i]!)));
    expect(largest, name).toBeGreaterThan(0);
    expect(furthest, name).toBeLessThan(1e-4 * largest + 1e-6);
  }
}

describe('the whole step: onnx and tfjs agree within 1e-4 on logits, loss and every gradient', () => {
  test.each(tasks)('of %s, on a tiny BERT', async task => {
    await expectAgreement(tfjs, stepOf(task));
  });

  test.each(tasks)(
    "of %s, at MiniLM-L6's size",
    async task => {
      await expectAgreement(tfjs, stepOf(task, mini));
    },
    120_000,
  );

  test.skipIf(!native).each(tasks)(
    "of %s, at MiniLM-L6's size, on TensorFlow where setup-gpu has built it",
    async task => {
      const own = { package: native!, threads: 1, freeBytes: undefined };
      await expectAgreement(tfjsProcessEngine({ ...own, precision: 'fp32' }), stepOf(task, mini));
    },
  );
});

describe('memory of the tfjs engine', () => {
  test('1,000 steps leave no tensor and no byte behind, and closing frees the weights', async () => {
    const empty = tf.memory().numTensors;
    const { source, inputs } = stepOf('classification');
    const program = await tfjs.compile(source);
    const { numTensors, numBytes } = tf.memory();
    expect(numTensors).toBeGreaterThan(empty);
    for (let step = 0; step < 1000; step++) await program.run(inputs);
    expect(tf.memory()).toMatchObject({ numTensors, numBytes });
    await program.close();
    expect(tf.memory().numTensors).toBe(empty);
  }, 240_000);

  test('a run that fails leaves nothing behind either', async () => {
    const { source, inputs } = stepOf('classification');
    const program = await tfjs.compile(source);
    const { numTensors } = tf.memory();
    // No such row: the gather of the first layer fails with tensors alive.
    const wrong = { ...inputs.input_ids!, data: inputs.input_ids!.data.map(() => 1e6) };
    await expect(program.run({ ...inputs, input_ids: wrong })).rejects.toThrow();
    expect(tf.memory().numTensors).toBe(numTensors);
    await program.close();
  });
});

test('products in bfloat16 are refused by a backend that has none', async () => {
  const { source } = stepOf('classification');
  await expect(tfjsEngine(tf, 'bf16').compile(source)).rejects.toThrow('has no products in bfloat16');
});

test.skipIf(!native)(
  'on TensorFlow, where setup-gpu has built it: float32 agrees, bfloat16 is near',
  async () => {
    const { source, inputs } = stepOf('classification');
    const own = { package: native!, threads: 1, freeBytes: undefined };
    const [exact, single, half] = await Promise.all(
      [
        onnx,
        tfjsProcessEngine({ ...own, precision: 'fp32' }),
        tfjsProcessEngine({ ...own, precision: 'bf16' }),
      ].map(async engine => {
        const program = await engine.compile(source);
        const answers = await program.run(inputs);
        await program.close();
        return answers.logits!.data;
      }),
    );
    const furthest = (from: HostTensor['data']) =>
      Math.max(...Array.from(exact!, (value, i) => Math.abs(value - from[i]!)));
    expect(furthest(single!)).toBeLessThan(1e-4);
    expect(furthest(half!)).toBeGreaterThan(1e-5);
    expect(furthest(half!)).toBeLessThan(0.1 * Math.max(...Array.from(exact!, Math.abs)));
  },
);
