/** A hundred steps on example data, by either engine: the same losses, the same metrics, and adapters that answer the same. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as tf from '@tensorflow/tfjs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Metrics } from '../../functions/artifacts/manifests.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';
import type { ClassificationOutput } from '../../functions/tasks/classification.ts';
import { cacheDir } from '../../trainer/commands/command.ts';
import { evaluateAdapter } from '../../trainer/commands/evaluate.ts';
import { pullBase } from '../../trainer/commands/pull-base.ts';
import { trainDefaults } from '../../trainer/commands/train.ts';
import type { Engine } from '../../trainer/engines/engine.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { type ProductPrecision, tfjsEngine } from '../../trainer/engines/tfjs.ts';
import { findTfjsPackages } from '../../trainer/engines/tfjs-package.ts';
import { tfjsProcessEngine } from '../../trainer/engines/tfjs-process.ts';
import { specOf } from '../../trainer/methods/methods.ts';
import { train } from '../../trainer/train.ts';
import { writeTinyBase } from '../tiny-base.ts';

/** Few, and short messages of theirs, so that the tiny base learns something of them in a hundred steps. */
const intents = ['delivery_status', 'login_problem', 'cancel_subscription'];

let folder: string;
let data: string;
let store: Store;
let reference: Finished;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-runs-'));
  data = join(folder, 'support.csv');
  const [header, ...lines] = (await readFile('trainer/examples/support/train.csv', 'utf8')).split('\n');
  const chosen = lines.filter(
    line => line.length < 90 && intents.some(intent => line.endsWith(`,${intent}`)),
  );
  await writeFile(data, `${[header, ...chosen].join('\n')}\n`);
  store = openDirectoryStore(join(folder, 'store'));
  const wanted = await writeTinyBase(join(folder, 'tiny'));
  await pullBase(store, { wanted, force: false, probe: false }, () => {});
  reference = await runWith('onnx', onnxEngine({ threads: 1 }));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

interface Finished {
  losses: number[];
  metrics: Metrics;
  /** Through the serving engine. */
  answers: { labels: readonly string[]; scores: Map<string, number> }[];
}

async function runWith(name: string, engine: Engine): Promise<Finished> {
  const out = join(folder, name);
  await train(
    store,
    engine,
    {
      ...trainDefaults,
      ...{ task: 'classification', base: 'tiny', data, evalData: data, out, cacheDir: folder },
      quantization: 'float32',
      ...{ epochs: 25, batchSize: 8, learningRate: 0.005, threads: 1 },
      method: specOf('lora', { rank: 8, targetModules: ['q', 'k', 'v', 'o', 'u', 'd'] }),
    },
    { log: () => {}, onStep: () => {}, onEvaluate: () => {} },
  );
  const answers: Finished['answers'] = [];
  const { metrics } = await evaluateAdapter(
    store,
    {
      ...{ adapter: out, data, columns: {}, threads: 1 },
      inspect: async ({ outputs }) => {
        for (const { labels, ranked } of outputs as ClassificationOutput[])
          answers.push({ labels, scores: new Map(ranked.map(({ label, score }) => [label, score])) });
      },
    },
    () => {},
  );
  const lines = (await readFile(join(out, 'steps.jsonl'), 'utf8')).trim().split('\n');
  const steps = lines.map(line => JSON.parse(line)).filter(({ kind }) => kind === 'step');
  return { losses: steps.map(({ loss }) => loss), metrics, answers };
}

/** How far apart two runs are, at most: in a loss, relative to it, and in a score. */
function distance(one: Finished, other: Finished) {
  expect(one.losses).toHaveLength(other.losses.length);
  expect(one.answers).toHaveLength(other.answers.length);
  const losses = one.losses.map((loss, i) => Math.abs(loss - other.losses[i]!) / other.losses[i]!);
  const scores = one.answers.flatMap((answer, i) =>
    Array.from(other.answers[i]!.scores, ([label, score]) => Math.abs(answer.scores.get(label)! - score)),
  );
  return { loss: Math.max(...losses), score: Math.max(...scores), meanScore: mean(scores) };
}

const mean = (values: readonly number[]) => values.reduce((a, b) => a + b) / values.length;

test('the run is worth comparing: a hundred steps that lower the loss, and answers that differ', () => {
  const { losses, metrics, answers } = reference;
  expect(losses).toHaveLength(100);
  expect(mean(losses.slice(-20))).toBeLessThan(0.5 * mean(losses.slice(0, 20)));
  expect(metrics.accuracy).toBeGreaterThan(0.9);
  expect(new Set(answers.flatMap(({ labels }) => labels))).toEqual(new Set(intents));
});

function expectSame(run: Finished): void {
  const { loss, score } = distance(run, reference);
  expect(loss).toBeLessThan(1e-4);
  expect(score).toBeLessThan(1e-4);
  expect(run.metrics).toEqual(reference.metrics);
  expect(run.answers.map(({ labels }) => labels)).toEqual(reference.answers.map(({ labels }) => labels));
}

test('TensorFlow.js in JavaScript ends with the metrics of onnxruntime, and its adapter is served the same', async () => {
  expectSame(await runWith('javascript', tfjsEngine(tf)));
}, 240_000);

const [native] = findTfjsPackages(cacheDir);
const onTensorFlow = (precision: ProductPrecision) =>
  runWith(precision, tfjsProcessEngine({ package: native!, threads: 1, freeBytes: undefined, precision }));

describe.skipIf(!native)('on TensorFlow, where setup-gpu has built it', () => {
  test('in float32: the same', async () => {
    expectSame(await onTensorFlow('fp32'));
  });

  test('in bfloat16: near, and not the same', async () => {
    const { loss, meanScore } = distance(await onTensorFlow('bf16'), reference);
    expect(loss).toBeGreaterThan(1e-4);
    expect(loss).toBeLessThan(0.1);
    expect(meanScore).toBeLessThan(0.02);
  });
});
