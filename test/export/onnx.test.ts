/** Exported models: run by a plain onnxruntime session, they give the logits that are served, or that training computes. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { InferenceSession, Tensor } from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { baseFile } from '../../functions/artifacts/bases.ts';
import type { Head } from '../../functions/artifacts/manifests.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import type { Row } from '../../functions/engine/engine.ts';
import { publish } from '../../functions/publish.ts';
import { readAdapterDirectory } from '../../trainer/adapter-directory.ts';
import { exportAdapter } from '../../trainer/commands/export.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { onnxExport } from '../../trainer/export/onnx.ts';
import { standIn } from '../../trainer/forward-engine.ts';
import { type MethodName, methodNames, methods } from '../../trainer/methods/methods.ts';
import { uniform } from '../../trainer/random.ts';
import { readRunDirectory } from '../../trainer/run-directory.ts';
import { openRunEngine } from '../../trainer/run-engine.ts';
import { readTrained } from '../../trainer/trained.ts';
import { readWeightsFile } from '../../trainer/weights.ts';
import { writeTraining } from '../methods/random-training.ts';
import { type GoldenBase, openGoldenBase } from '../peft/golden-base.ts';

let opened: GoldenBase;
beforeAll(async () => {
  opened = await openGoldenBase();
});
afterAll(() => opened.close());

const tolerance = 1e-4;
const lengths = [7, 24, 12];
const meanDense: Head = { kind: 'pooled', pooling: 'mean', dense: true };
const token: Head = { kind: 'token' };
const addTokens: MethodName[] = ['prompt', 'prefix'];

const path = (name: string) => join(opened.folder, name);

/** Windows of random tokens, of both types. */
const windows = () =>
  lengths.map((length, row) => ({
    ids: Int32Array.from({ length }, (_, i) => Math.floor(uniform({ seed: 3, stream: 12 }, row, i) * 64)),
    typeIds: Int32Array.from({ length }, (_, i) => Number(i > length / 2)),
    ...{ position: 1, first: 0, count: length - 2 },
  }));

/** The outputs of the model in a directory for those windows in one batch, whose padding holds arbitrary tokens. */
async function exportedLogits(directory: string): Promise<Record<string, Tensor>> {
  const session = await InferenceSession.create(join(directory, 'model.onnx'));
  const tokens = Math.max(...lengths);
  const shape = [lengths.length, tokens];
  const feed = (of: (row: number, place: number) => number, padding: number) =>
    new Tensor(
      'int64',
      BigInt64Array.from({ length: lengths.length * tokens }, (_, i) => {
        const [row, place] = [Math.floor(i / tokens), i % tokens];
        return BigInt(place < lengths[row]! ? of(row, place) : padding);
      }),
      shape,
    );
  const given = windows();
  const outputs = await session.run({
    input_ids: feed((row, place) => given[row]!.ids[place]!, 9),
    attention_mask: feed(() => 1, 0),
    token_type_ids: feed((row, place) => given[row]!.typeIds[place]!, 1),
  });
  await session.release();
  return outputs as Record<string, Tensor>;
}

/** What is served for a row, out of an exported model's outputs. */
function rowOf(outputs: Record<string, Tensor>, task: TaskName, row: number): number[] {
  const values = (name: string, width: number) => {
    const { data, dims } = outputs[name]!;
    const each = dims.slice(1).reduce((a, b) => a * b, 1);
    return [
      ...(data as Float32Array).slice(row * each, row * each + width * (dims.length > 2 ? dims[2]! : 1)),
    ];
  };
  if (task === 'classification') return values('logits', outputs.logits!.dims[1]!);
  if (task === 'sequence-labeling') return values('logits', lengths[row]!);
  const [starts, ends] = [values('start_logits', lengths[row]!), values('end_logits', lengths[row]!)];
  return starts.flatMap((start, i) => [start, ends[i]!]);
}

function expectLogits(outputs: Record<string, Tensor>, task: TaskName, expected: readonly Float32Array[]) {
  expected.forEach((logits, row) => {
    const actual = rowOf(outputs, task, row);
    expect(actual.length).toBe(logits.length);
    // Random weights: logits that are all alike would prove nothing.
    expect(Math.max(...logits) - Math.min(...logits)).toBeGreaterThan(100 * tolerance);
    logits.forEach((value, i) => {
      expect(Math.abs(actual[i]! - value), `row ${row}, logit ${i}`).toBeLessThan(tolerance);
    });
  });
}

describe('an adapter of the store', () => {
  test.each<[string, TaskName, Head]>([
    ['classification, mean and dense', 'classification', meanDense],
    [
      'classification, first token and dense',
      'classification',
      { kind: 'pooled', pooling: 'cls', dense: true },
    ],
    ['classification, mean alone', 'classification', { kind: 'pooled', pooling: 'mean', dense: false }],
    ['sequence labeling', 'sequence-labeling', token],
    ['question answering', 'question-answering', token],
    // biome-ignore format: a table
  ])('%s: gives the logits that are served', async (title, task, head) => {
    const name = title.replaceAll(/\W+/g, '-');
    const directory = await writeTraining(path(name), opened.base.manifest, { task, head });
    const version = { tenant: 'acme', name, alias: 'live', minMetrics: {} };
    await publish(opened.store, await readAdapterDirectory(directory), version);
    const out = path(`${name}-onnx`);
    const { files } = await exportAdapter(
      opened.store,
      { adapter: name, tenant: 'acme', out, format: 'onnx' },
      () => {},
    );
    expect(files).toEqual(['README.md', 'config.json', 'model.onnx', 'tokenizer.json']);
    expect((await readdir(out)).sort()).toEqual(files);
    const adapter = await opened.load('acme', name);
    const rows = windows().map((window): Row => ({ window, adapter }));
    expectLogits(await exportedLogits(out), task, await opened.base.engine.run(rows));
  });
});

describe('a directory of train', () => {
  test.each(
    methodNames
      .filter(method => !addTokens.includes(method))
      .flatMap((method): [MethodName, TaskName, Head][] => [
        [method, 'classification', meanDense],
        [method, 'sequence-labeling', token],
      ]),
  )('%s, %s: what was trained is merged into the weights', async (method, task, head) => {
    const { manifest } = opened.base;
    const directory = await writeTraining(path(`${method}-${task}`), manifest, { task, head, method });
    const out = `${directory}-onnx`;
    await exportAdapter(opened.store, { adapter: directory, out, format: 'onnx' }, () => {});
    const outputs = await exportedLogits(out);
    if (methods[method].unserved === null) {
      const name = `${method}-${task}`;
      const version = { tenant: 'acme', name, alias: 'live', minMetrics: {} };
      await publish(opened.store, await readAdapterDirectory(directory), version);
      const adapter = await opened.load('acme', name);
      const rows = windows().map((window): Row => ({ window, adapter }));
      expectLogits(outputs, task, await opened.base.engine.run(rows));
      return;
    }
    const run = await readRunDirectory(directory);
    const engine = await openRunEngine(run, {
      ...{ store: opened.store, base: manifest, directory, cacheDir: opened.folder },
      engine: onnxEngine({ threads: 1 }),
    });
    const adapter = standIn(run.manifest);
    const logits = await engine.run(windows().map(window => ({ window, adapter })));
    await engine.close();
    expectLogits(outputs, task, logits);
  });

  test.each(addTokens)('%s: is refused, since no weight holds it', async method => {
    const training = { task: 'classification', head: meanDense, method } as const;
    const directory = await writeTraining(path(method), opened.base.manifest, training);
    const out = path(`${method}-onnx`);
    await expect(
      exportAdapter(opened.store, { adapter: directory, out, format: 'onnx' }, () => {}),
    ).rejects.toThrow(/^--method .+ adds vectors beside the tokens.+say --format peft$/);
    await expect(readdir(out)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

test('weights over the limit go into a file beside the model, with the same logits', async () => {
  const { manifest: base } = opened.base;
  const directory = await writeTraining(path('large'), base, { task: 'classification', head: meanDense });
  const out = path('large-onnx');
  await exportAdapter(opened.store, { adapter: directory, out, format: 'onnx' }, () => {});
  const whole = await exportedLogits(out);
  const weights = await baseFile(opened.store, base.name, base.trainingWeights, opened.folder);
  const files = await onnxExport({
    trained: await readTrained(opened.store, { adapter: directory }),
    ...{ base, weights: await readWeightsFile(weights), tokenizer: new Uint8Array(), inlineLimit: 1000 },
  });
  expect([...files.keys()]).toEqual([
    'tokenizer.json',
    'config.json',
    'README.md',
    'model.onnx_data',
    'model.onnx',
  ]);
  const model = files.get('model.onnx') as Uint8Array;
  expect(model.length).toBeLessThan((await readFile(join(out, 'model.onnx'))).length / 2);
  for (const name of ['model.onnx', 'model.onnx_data'])
    await writeFile(join(out, name), files.get(name) as Uint8Array[]);
  const split = await exportedLogits(out);
  expect(split.logits!.data).toEqual(whole.logits!.data);
});

test('the files beside the model say what transformers and people need', async () => {
  const { manifest: base } = opened.base;
  const directory = await writeTraining(path('told'), base, { task: 'classification', head: meanDense });
  const out = path('told-onnx');
  await exportAdapter(opened.store, { adapter: directory, out, format: 'onnx' }, () => {});
  expect(JSON.parse(await readFile(join(out, 'config.json'), 'utf8'))).toMatchObject({
    ...{ model_type: 'bert', hidden_size: 32, problem_type: 'single_label_classification' },
    id2label: { 0: 'a', 1: 'b', 2: 'c' },
    label2id: { a: 0, b: 1, c: 2 },
  });
  const source = await baseFile(opened.store, base.name, base.tokenizer.source, opened.folder);
  expect(await readFile(join(out, 'tokenizer.json'))).toEqual(await readFile(source));
  const readme = await readFile(join(out, 'README.md'), 'utf8');
  expect(readme).toContain('windows of at most 24 tokens that share 5');
  expect(readme).toContain('"token_type_ids": [e.type_ids for e in encoded]');
  const session = await InferenceSession.create(join(out, 'model.onnx'));
  expect(session.inputNames).toEqual(['input_ids', 'attention_mask', 'token_type_ids']);
  expect(session.inputMetadata).toMatchObject(
    session.inputNames.map(name => ({ name, type: 'int64', shape: ['batch_size', 'sequence_length'] })),
  );
  await session.release();
});

test('what is not served is not exported for PEFT, nor pushed', async () => {
  const training = { task: 'classification', head: meanDense, method: 'dora' } as const;
  const directory = await writeTraining(path('no lora'), opened.base.manifest, training);
  const out = path('no-peft');
  await expect(exportAdapter(opened.store, { adapter: directory, out }, () => {})).rejects.toThrow(
    /trained by --method dora: only what is served is exported for PEFT.*--format onnx/,
  );
  await expect(readdir(out)).rejects.toMatchObject({ code: 'ENOENT' });
  await expect(readAdapterDirectory(directory)).rejects.toThrow(
    /--method dora, which changes .*: no adapter comes of it; npx trainer export .* --format onnx/,
  );
});
