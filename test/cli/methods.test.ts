/** train --method: what each method leaves, that it is scored, and what can be done with it. */
import { readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { methodNames } from '../../trainer/methods/methods.ts';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
});
afterAll(() => workspace.remove());

const filesIn = async (out: string) => (await readdir(workspace.path(out))).sort();
const json = async (file: string) => JSON.parse(await readFile(workspace.path(file), 'utf8'));
const train = (out: string, ...args: string[]) =>
  workspace.train('topics.csv', '--eval-data', 'topics.csv', '--out', out, '--json', ...args);

describe.each(methodNames.filter(name => name !== 'lora'))('--method %s', method => {
  test('learns, is scored as it was trained, exported, and refused at push with the reason', async () => {
    const { metrics } = resultOf(
      await train(method, '--method', method, '--epochs', '60', '--learning-rate', '0.01'),
    );
    expect(metrics).toMatchObject({ accuracy: 1 });
    expect(await filesIn(method)).toEqual([
      ...['checkpoint.safetensors', 'data.json', 'parameters.safetensors', 'run.json', 'steps.jsonl'],
    ]);
    const manifest = await json(`${method}/run.json`);
    expect(manifest).toMatchObject({
      ...{ method: { name: method }, task: 'classification', labels: ['parcel', 'praise', 'refund'] },
      metrics: { trained: metrics, served: {} },
      training: { config: { method } },
    });
    const evaluated = resultOf(await workspace.run('evaluate', method, '--data', 'topics.csv', '--json'));
    expect(evaluated).toMatchObject({ examples: 4, metrics });
    const push = ['push-adapter', method, '--tenant', 'acme', '--name', 'topic'];
    expect(refusalOf(await workspace.run(...push))).toMatch(
      new RegExp(
        `^${method} was trained by --method ${method}, which .+: no adapter comes of it; npx trainer export ${method} --format onnx --out DIR`,
      ),
    );
    const exported = ['export', method, '--format', 'onnx', '--out', `${method}-onnx`, '--json'];
    expect(resultOf(await workspace.run(...exported))).toMatchObject({
      files: ['README.md', 'config.json', 'model.onnx', 'tokenizer.json'],
    });
  });
});

test('full --from-scratch does not begin with the base', async () => {
  resultOf(await train('scratch', '--method', 'full', '--from-scratch', '--learning-rate', '1e-9'));
  resultOf(await train('kept', '--method', 'full', '--learning-rate', '1e-9'));
  const [scratch, kept] = await Promise.all(
    ['scratch', 'kept'].map(out => readFile(workspace.path(`${out}/parameters.safetensors`))),
  );
  expect(scratch!.equals(kept!)).toBe(false);
  expect(await json('scratch/run.json')).toMatchObject({ method: { name: 'full', fromScratch: true } });
});

test('--rs-lora trains and serves with alpha / sqrt(rank)', async () => {
  const args = ['--rank', '4', '--epochs', '3'];
  resultOf(await train('rs', '--rs-lora', '--alpha', '6', ...args));
  resultOf(await train('plain', '--alpha', '12', ...args));
  expect(await json('rs/manifest.json')).toMatchObject({ lora: { rank: 4, alpha: 12 } });
  const [rs, plain] = await Promise.all(
    ['rs', 'plain'].map(out => readFile(workspace.path(`${out}/adapter.safetensors`))),
  );
  expect(rs!.equals(plain!)).toBe(true);
});

test('a directory holds the outcome of its last run alone', async () => {
  const out = 'used twice';
  resultOf(await train(out));
  resultOf(await train(out, '--method', 'bitfit'));
  expect(await filesIn(out)).not.toContain('manifest.json');
  resultOf(await train(out));
  expect(await filesIn(out)).toEqual([
    ...['adapter.safetensors', 'checkpoint.safetensors', 'data.json', 'manifest.json', 'steps.jsonl'],
  ]);
});

test('an option of another method, or an unknown method, is wrong usage', async () => {
  expect(refusalOf(await workspace.train('topics.csv', '--method', 'full', '--rank', '4'), 2)).toBe(
    '--rank goes with --method lora, dora, not with full',
  );
  expect(refusalOf(await workspace.train('topics.csv', '--method', 'prompt'), 2)).toMatch(/lora, dora, ia3/);
  expect(refusalOf(await workspace.train('topics.csv', '--tenant', 'acme'), 2)).toBe(
    '--tenant goes with --from',
  );
});
