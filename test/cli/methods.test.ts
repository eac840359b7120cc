/** train --method: what each method leaves, that it is scored, and what can be done with it. */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { methodNames, methods } from '../../trainer/methods/methods.ts';
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

const served = methodNames.filter(name => methods[name].unserved === null);

describe.each(methodNames.filter(name => !served.includes(name)))('--method %s', method => {
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

describe.each([
  ['ia3', { ia3: { targetModules: ['k', 'v', 'd'] } }],
  ['prompt', { prompt: { tokens: 4 } }],
  ['prefix', { prefix: { tokens: 4 } }],
] as const)('--method %s', (method, settings) => {
  const options = ['--method', method, '--epochs', '60', '--learning-rate', '0.03', '--precision', 'int8'];
  const tokens = method === 'ia3' ? [] : [`--${method}-tokens`, '4'];

  test('learns over the base as it is served, and is scored, pushed and exported as an adapter', async () => {
    const { metrics } = resultOf(await train(method, ...options, ...tokens));
    expect(metrics).toMatchObject({ accuracy: 1 });
    expect(await filesIn(method)).toEqual([
      ...['adapter.safetensors', 'checkpoint.safetensors', 'data.json', 'manifest.json', 'steps.jsonl'],
    ]);
    const manifest = await json(`${method}/manifest.json`);
    expect(manifest).toMatchObject({ ...settings, quantization: 'int8', metrics: { served: metrics } });
    expect(manifest).not.toHaveProperty('lora');
    const name = ['--tenant', 'acme', '--name', method];
    resultOf(await workspace.run('push-adapter', method, ...name, '--min-metric', 'accuracy=1', '--json'));
    const scored = ['evaluate', method, '--tenant', 'acme', '--data', 'topics.csv', '--json'];
    expect(resultOf(await workspace.run(...scored))).toMatchObject({ examples: 4, metrics });
    const exported = ['export', method, '--tenant', 'acme', '--out', `${method}-peft`, '--json'];
    expect(resultOf(await workspace.run(...exported))).toMatchObject({
      files: ['README.md', 'adapter_config.json', 'adapter_model.safetensors', 'config.json'],
    });
  });

  test('goes on from where it was with its settings, and to the byte after it was killed', async () => {
    resultOf(await train('more', '--from', method, '--epochs', '1'));
    expect(await json('more/manifest.json')).toMatchObject(settings);
    const out = (name: string) => `${method}-${name}`;
    const args = [
      ...['--method', method, ...tokens, '--epochs', '60', '--save-steps', '3', '--eval-steps', '50'],
      ...['--dropout', '0.1', '--attention-dropout', '0.1', '--r-drop', '0.5', '--devices', '2', '--resume'],
    ];
    resultOf(await train(out('whole'), ...args));
    const { child } = workspace.start(
      ...['train', '--task', 'classification', '--data', 'topics.csv', '--eval-data', 'topics.csv'],
      ...['--base', 'tiny', '--out', out('killed'), '--threads', '1', ...args],
    );
    const steps = () => readFile(workspace.path(`${out('killed')}/steps.jsonl`), 'utf8').catch(() => '');
    while (child.exitCode === null && (await steps()).split('\n').length < 8) await sleep(2);
    expect(child.exitCode).toBe(null);
    child.kill('SIGKILL');
    await once(child, 'close');
    resultOf(await train(out('killed'), ...args));
    const [whole, killed] = await Promise.all(
      ['whole', 'killed'].map(name => readFile(workspace.path(`${out(name)}/adapter.safetensors`))),
    );
    expect(killed!.equals(whole!)).toBe(true);
  });
});

test('a window leaves room for a prompt or prefix among the positions of the base', async () => {
  const args = ['--max-length', '60', '--method', 'prefix', '--prefix-tokens', '5'];
  expect(await train('long', ...args)).toMatchObject({
    code: 2,
    stdout: expect.stringContaining(
      '--max-length 60: the base takes 59 tokens at most beside 5 virtual ones',
    ),
  });
});

test('an adapter that a base of before cannot serve is refused at push and in training, with what to do', async () => {
  const name = (await readdir(workspace.path('.veneer/bases/tiny'))).find(file => file === 'manifest.json')!;
  const file = `.veneer/bases/tiny/${name}`;
  const whole = await json(file);
  const graphs = Object.fromEntries(
    Object.entries(whole.graphs).filter(([graph]) => !graph.includes('mixed')),
  );
  await workspace.write(file, JSON.stringify({ ...whole, graphs }));
  const push = ['push-adapter', 'ia3', '--tenant', 'acme', '--name', 'old'];
  expect(refusalOf(await workspace.run(...push))).toBe(
    'base tiny has no graph pooled-dense.none.mixed, which serves this adapter: pull it again with --force',
  );
  expect(await train('older', '--method', 'prompt')).toMatchObject({
    code: 1,
    stdout: expect.stringContaining('pull it again with --force'),
  });
  await workspace.write(file, JSON.stringify(whole));
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
  expect(refusalOf(await workspace.train('topics.csv', '--method', 'prompts'), 2)).toMatch(/lora, dora, ia3/);
  expect(refusalOf(await workspace.train('topics.csv', '--tenant', 'acme'), 2)).toBe(
    '--tenant goes with --from',
  );
});
