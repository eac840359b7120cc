/** How a base was trained to be read, from its directory. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readSafetensors, type TensorData, writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { buildBase } from '../../trainer/base/build.ts';
import { writeTinyBase } from '../tiny-base.ts';

let directory: string;
beforeAll(async () => {
  directory = await writeTinyBase(await mkdtemp(join(tmpdir(), 'veneer-pooling-')));
});
afterAll(() => rm(directory, { recursive: true }));

const poolingFile = () => join(directory, '1_Pooling', 'config.json');
async function pooling(): Promise<string> {
  const { manifest } = await buildBase('tiny', { directory, location: 'here', licence: 'MIT' }, 'fp32');
  return manifest.pooling;
}

async function addPooler(): Promise<void> {
  const path = join(directory, 'model.safetensors');
  const tensors = new Map<string, TensorData>(readSafetensors(await readFile(path), path));
  const { shape } = tensors.get('encoder.layer.0.attention.self.query.weight')!;
  const zeros = (...shape: number[]): TensorData => ({
    dtype: 'F32',
    shape,
    data: new Uint8Array(4 * shape.reduce((a, b) => a * b, 1)),
  });
  tensors.set('pooler.dense.weight', zeros(...shape));
  tensors.set('pooler.dense.bias', zeros(shape[0]!));
  await writeFile(path, writeSafetensors(tensors));
}

test('is what 1_Pooling says; without it the mean, or the first token where there is a layer to read it', async () => {
  expect(await pooling()).toBe('mean');
  await writeFile(poolingFile(), JSON.stringify({ pooling_mode_cls_token: true }));
  expect(await pooling()).toBe('cls');
  await rm(poolingFile());
  expect(await pooling()).toBe('mean');
  await addPooler();
  expect(await pooling()).toBe('cls');
});
