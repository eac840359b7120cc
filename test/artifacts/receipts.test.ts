/** A receipt stands for a verified file exactly as long as nothing has written to it. */
import { appendFile, mkdtemp, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { hasReceipt, writeReceipt } from '../../functions/artifacts/receipts.ts';

const digest = 'a'.repeat(64);
let folder: string;
let path: string;
let cacheDir: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-receipts-'));
  path = join(folder, 'weights');
  cacheDir = join(folder, 'cache');
  await writeFile(path, 'good bytes');
  writeReceipt(cacheDir, path, digest);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

test('a file that nobody touched is known', async () => {
  expect(hasReceipt(cacheDir, path, digest)).toBe(true);
});

test('another digest, another file and another cache are not', async () => {
  expect(hasReceipt(cacheDir, path, 'b'.repeat(64))).toBe(false);
  expect(hasReceipt(cacheDir, `${path}2`, digest)).toBe(false);
  expect(hasReceipt(join(folder, 'elsewhere'), path, digest)).toBe(false);
});

test('a write of the same length with its times set back voids it', async () => {
  await writeFile(path, 'evil bytes');
  await utimes(path, new Date(0), new Date(0));
  expect(hasReceipt(cacheDir, path, digest)).toBe(false);
});

test('growing it, or putting another file in its place, voids it', async () => {
  await appendFile(path, '!');
  expect(hasReceipt(cacheDir, path, digest)).toBe(false);
  writeReceipt(cacheDir, path, digest);
  expect(hasReceipt(cacheDir, path, digest)).toBe(true);
  await writeFile(`${path}.new`, 'good bytes!');
  await rename(`${path}.new`, path);
  expect(hasReceipt(cacheDir, path, digest)).toBe(false);
});

test('a cache that cannot be written is no error', async () => {
  expect(writeReceipt(join(path, 'below-a-file'), path, digest)).toBeUndefined();
});
