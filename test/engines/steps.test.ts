/** Whole training steps and whole runs on the tiny BERT: both engines agree, and the tfjs engine keeps nothing behind. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Head } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';
import { stepInputs, type TrainingRow } from '../../trainer/batches.ts';
import { cacheDir } from '../../trainer/commands/command.ts';
import { evaluateAdapter } from '../../trainer/commands/evaluate.ts';
import { pullBase } from '../../trainer/commands/pull-base.ts';
import { trainDefaults } from '../../trainer/commands/train.ts';
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
import { train } from '../../trainer/train.ts';
import type { TrainOptions } from '../../trainer/train-options.ts';
import { readWeightsFile } from '../../trainer/weights.ts';
import { writeTinyBase } from '../tiny-base.ts';

const onnx = onnxEngine({ threads: 1 });
const tfjs = tfjsEngine(tf);
const method: MethodSpec = { name: 'lora', rank: 4, alpha: 8, targetModules: ['q', 'v', 'u'] };

let folder: string;
let weights: WeightsFile;
let config: ReturnType<typeof bert.readConfig>;
let store: Store;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-engines-'));
  const base = await writeTinyBase(join(folder, 'tiny'));
  config = bert.readConfig(JSON.parse(await readFile(join(base, 'config.json'), 'utf8')));
  weights = await readWeightsFile(join(base, 'model.safetensors'));
  store = openDirectoryStore(join(folder, 'store'));
  await pullBase(store, { wanted: base, force: false, probe: false }, () => {});
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** The step of a task and what is fed to it: rows of 4, 7 and 12 tokens, B matrices that are not zero. */
function stepOf(task: TaskName) {
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

describe('the whole step', () => {
  test.each(['classification', 'sequence-labeling', 'question-answering'] as const)(
    'of %s: onnx and tfjs agree within 1e-4 on logits, loss and every gradient',
    async task => {
      const { source, inputs } = stepOf(task);
      const [ours, theirs] = await Promise.all(
        [tfjs, onnx].map(async engine => {
          const program = await engine.compile(source);
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

const [native] = findTfjsPackages(cacheDir);
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

test('a run ends with the same metrics by either engine, and its adapter answers the same', async () => {
  const texts = ['the parcel was late', 'refund the money', 'great, thanks'];
  const topics = ['parcel', 'refund', 'praise'];
  const lines = ['', 'please ', 'again '].flatMap(opening =>
    texts.map((text, i) => `"${opening}${text}",${topics[i]}`),
  );
  const data = join(folder, 'topics.csv');
  await writeFile(data, `text,label\n${lines.join('\n')}\n`);
  const runWith = async (engine: Engine) => {
    const out = join(folder, engine.name);
    const options: TrainOptions = {
      ...trainDefaults,
      task: 'classification',
      quantization: 'float32',
      ...{ base: 'tiny', data, evalData: data, out, cacheDir: folder },
      ...{ epochs: 12, batchSize: 3, learningRate: 0.01, threads: 1 },
    };
    await train(store, engine, options, { log: () => {}, onStep: () => {}, onEvaluate: () => {} });
    const outputs: unknown[] = [];
    const { metrics } = await evaluateAdapter(
      store,
      {
        ...{ adapter: out, data, columns: {}, threads: 1 },
        inspect: async evaluated => void outputs.push(...evaluated.outputs),
      },
      () => {},
    );
    return { metrics, outputs };
  };
  const [ours, theirs] = [await runWith(tfjs), await runWith(onnx)];
  expect(ours.metrics.accuracy).toBe(1);
  const rounded = (value: unknown) =>
    JSON.parse(
      JSON.stringify(value, (_, each) => (typeof each === 'number' ? Math.round(each * 1e3) : each)),
    );
  expect(ours.outputs).toHaveLength(lines.length);
  expect(rounded(ours.metrics)).toEqual(rounded(theirs.metrics));
  const numbersOf = (value: unknown): number[] =>
    JSON.stringify(value)
      .match(/-?\d+\.\d+(e-?\d+)?/g)!
      .map(Number);
  const [a, b] = [numbersOf(ours.outputs), numbersOf(theirs.outputs)];
  expect(a).toHaveLength(b.length);
  a.forEach((value, i) => {
    expect(Math.abs(value - b[i]!)).toBeLessThan(1e-3);
  });
}, 120_000);
