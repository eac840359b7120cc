/** A base directory that is damaged or of another kind is refused by pull-base; an adapter of another base, by what uses it. */
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readBase } from '../../functions/artifacts/bases.ts';
import { readSafetensors, type TensorData, writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { writeTinyBase } from '../tiny-base.ts';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
});
afterAll(() => workspace.remove());

type Json = Record<string, unknown>;

async function edited(file: string, edit: (bytes: Buffer) => Uint8Array | string): Promise<void> {
  await writeFile(file, edit(await readFile(file)));
}
const json = (edit: (value: Json) => Json) => (bytes: Buffer) =>
  JSON.stringify(edit(JSON.parse(bytes.toString())));
const tensors = (edit: (tensors: Map<string, TensorData>) => void) => (bytes: Buffer) => {
  const found = new Map<string, TensorData>(readSafetensors(bytes, 'model'));
  edit(found);
  return writeSafetensors(found);
};
const down = 'encoder.layer.1.output.dense.weight';

describe('pull-base says what is wrong with a directory', () => {
  test.concurrent.each<
    [name: string, file: string, edit: (bytes: Buffer) => Uint8Array | string, told: string]
  >([
    ['truncated weights', 'model.safetensors', bytes => bytes.subarray(0, -100), 'the file has'],
    [
      'offsets that lie',
      'model.safetensors',
      // The header is ASCII; one digit more of an offset, at the cost of a blank of padding, would move everything after.
      bytes => Buffer.from(bytes.toString('latin1').replace(/("data_offsets":\[)\d/, '$19'), 'latin1'),
      'at data_offsets',
    ],
    ['empty weights', 'model.safetensors', () => '', '0 bytes are too few'],
    ['a missing tensor', 'model.safetensors', tensors(t => t.delete(down)), `tensor ${down} is missing`],
    [
      'a tensor of another shape',
      'model.safetensors',
      tensors(t => t.set(down, { ...t.get(down)!, shape: [64, 32] })),
      `tensor ${down} has shape [64,32], but config.json says [32,64]`,
    ],
    [
      'an unknown family',
      'config.json',
      json(c => ({ ...c, model_type: 'gpt2' })),
      '"gpt2" is not supported; known: bert',
    ],
    ['no family', 'config.json', json(({ model_type: _, ...c }) => c), 'known: bert'],
    ['a config that is no JSON', 'config.json', () => '{', 'config.json'],
    [
      'an unknown kind of tokenizer',
      'tokenizer.json',
      json(t => ({ ...t, model: { ...(t.model as Json), type: 'Anagram' } })),
      'tokenizer.json: model: type "Anagram" is unknown',
    ],
    ['a tokenizer that is no JSON', 'tokenizer.json', () => '{"model"', 'tokenizer.json: not JSON'],
  ])('%s', async (name, file, edit, told) => {
    const directory = workspace.path(name);
    await writeTinyBase(directory);
    await edited(join(directory, file), edit);
    expect(refusalOf(await workspace.run('pull-base', name, '--name', 'damaged'))).toContain(told);
  });

  test.concurrent.each(['config.json', 'tokenizer.json', 'model.safetensors'])('no %s', async file => {
    await writeTinyBase(workspace.path(`no ${file}`));
    await rm(workspace.path(`no ${file}/${file}`));
    expect(refusalOf(await workspace.run('pull-base', `no ${file}`, '--name', 'damaged'))).toContain(
      `no ${file}/${file}: cannot be read`,
    );
  });

  test.concurrent.each([
    ['model.safetensors', 'pytorch_model.bin', 'safe_serialization=True'],
    ['tokenizer.json', 'vocab.txt', 'AutoTokenizer.from_pretrained'],
  ])('%s in another form, and how to make it', async (file, other, advice) => {
    const name = `only ${other}`;
    await writeTinyBase(workspace.path(name));
    await rm(workspace.path(`${name}/${file}`));
    await writeFile(workspace.path(`${name}/${other}`), '');
    const refusal = refusalOf(await workspace.run('pull-base', name, '--name', 'damaged'));
    expect(refusal).toContain(`there is ${other} instead`);
    expect(refusal).toContain(advice);
  });

  test('another model under a name that is taken, unless --force', async () => {
    await writeTinyBase(workspace.path('second'), 2);
    const pull = ['pull-base', 'second', '--name', 'taken'];
    resultOf(await workspace.run('pull-base', 'tiny', '--name', 'taken', '--json'));
    expect(refusalOf(await workspace.run(...pull).then(withoutLog))).toContain(
      'use another name, or --force',
    );
    resultOf(await workspace.run(...pull, '--force', '--json'));
  });
});

const withoutLog = <T extends { stdout: string }>(ran: T): T => ({ ...ran, stdout: '' });

test('a base that is not in the store', async () => {
  const { code, stderr } = await workspace.train('topics.csv', '--base', 'nothing');
  expect({ code, stderr }).toEqual({
    code: 1,
    stderr: 'error: the store has no base nothing: run npx trainer pull-base nothing\n',
  });
  expect(refusalOf(await workspace.run('serve', '--base', 'nothing', '--port', '0'))).toContain(
    'the store has no base nothing',
  );
});

describe('a store whose base of the same name has other weights', () => {
  const elsewhere = ['--store', 'file:elsewhere'];
  beforeAll(async () => {
    await writeTinyBase(workspace.path('others'), 3);
    resultOf(await workspace.run('pull-base', 'others', '--name', 'tiny', '--json', ...elsewhere));
    resultOf(await workspace.run('push-adapter', 'adapter', '--tenant', 'acme', '--name', 'topic', '--json'));
    await cp(workspace.path('.veneer/tenants'), workspace.path('elsewhere/tenants'), { recursive: true });
  });

  test.each([
    ['evaluate of a directory', 'evaluate adapter --data topics.csv'],
    ['evaluate of a reference', 'evaluate topic --tenant acme --data topics.csv'],
    ['push-adapter', 'push-adapter adapter --tenant acme --name other'],
  ])('%s is refused, naming both', async (_, line) => {
    expect(refusalOf(await workspace.run(...line.split(' '), ...elsewhere))).toMatch(
      /was trained on base tiny \(digest [0-9a-f]{12}\), but tiny \(digest [0-9a-f]{12}\)/,
    );
  });

  test('serve answers 409, never the bare base', async () => {
    const { key } = resultOf(
      await workspace.run('keys', 'create', '--tenant', 'acme', '--json', ...elsewhere),
    );
    const { child, ended } = workspace.start('serve', '--port', '0', '--json', ...elsewhere);
    const url = await new Promise<string>(resolve =>
      child.stdout!.once('data', line => resolve(JSON.parse(String(line)).url)),
    );
    const response = await fetch(`${url}/v1/classification`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'topic', inputs: 'late' }),
    });
    expect(response.status).toBe(409);
    expect(await response.json()).toMatchObject({ code: 'digest_mismatch' });
    child.kill('SIGTERM');
    expect(await ended).toMatchObject({ code: 0 });
  });
});

test('an adapter that was trained with another tokenizer is refused', async () => {
  await cp(workspace.path('adapter'), workspace.path('retokenized'), { recursive: true });
  await edited(
    workspace.path('retokenized/manifest.json'),
    json(manifest => ({ ...manifest, base: { ...(manifest.base as Json), tokenizer: 'f'.repeat(64) } })),
  );
  for (const line of [
    'evaluate retokenized --data topics.csv',
    'push-adapter retokenized --tenant acme --name topic',
  ])
    expect(refusalOf(await workspace.run(...line.split(' ')))).toContain('with tokenizer ffffffffffff, but');
});

test('pull-base says what the precision costs in task quality, and keeps it in the manifest', async () => {
  const { code, stdout } = await workspace.run('pull-base', 'tiny', '--name', 'measured');
  expect(code).toBe(0);
  const { probes } = await readBase(workspace.store, 'measured');
  const told = Object.values(probes!).map(
    ({ metric, float32, served }) =>
      `measured: ${metric} ${served.toFixed(4)}, in float32 ${float32.toFixed(4)}`,
  );
  expect(told).toHaveLength(3);
  expect(stdout.split('\n')).toEqual(expect.arrayContaining(told));
});
