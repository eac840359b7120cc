/** Data in S3: objects and prefixes, fetched by a real server where there is one. */
import { readdir, readFile } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { VeneerError } from '../../functions/error.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import { fetchData, localPath } from '../../trainer/data/remote.ts';
import { findVersitygw, howToGetIt, type S3Server, startVersitygw } from '../store/versitygw.ts';
import { faultOf, folderOf } from './folder.ts';

const bytes = (text: string) => new TextEncoder().encode(text);

async function storeOf(objects: Record<string, string>) {
  const store = openDirectoryStore(await folderOf({}));
  for (const [key, text] of Object.entries(objects)) await store.put(key, bytes(text));
  return store;
}

test('a path that is none of S3 stays as it is', async () => {
  expect(await localPath('data/train.csv', 'unused')).toBe('data/train.csv');
});

test.each(['s3://', 's3://b', 's3:///key', 's3://UPPER/key', 's3://bucket/../key', 's3://bucket/a/./b'])(
  '%s is refused as no place in S3',
  async url => {
    await expect(localPath(url, 'unused')).rejects.toThrow('write s3://BUCKET/KEY');
    await expect(localPath(url, 'unused')).rejects.toBeInstanceOf(VeneerError);
  },
);

test('an object is fetched anew every time', async () => {
  const target = join(await folderOf({}), 'sets', 'topics.csv');
  const store = await storeOf({ 'sets/topics.csv': 'old' });
  const wanted = { key: 'sets/topics.csv', isFolder: false, target };
  expect(await fetchData(store, wanted)).toBe(target);
  await store.put('sets/topics.csv', bytes('new'));
  await fetchData(store, wanted);
  expect(await readFile(target, 'utf8')).toBe('new');
  expect(await readdir(join(target, '..'))).toEqual(['topics.csv']);
});

test('of a prefix the splits right under it are fetched, and those that are gone do not stay', async () => {
  const target = join(await folderOf({}), 'sets');
  const store = await storeOf({
    'sets/train.csv': 'a',
    'sets/dev.csv': 'b',
    'sets/huge.bin': 'c',
    'sets/old/test.csv': 'd',
    'sets-2/test.csv': 'e',
  });
  const wanted = { key: 'sets', isFolder: false, target };
  await fetchData(store, wanted);
  expect((await readdir(target)).sort()).toEqual(['dev.csv', 'train.csv']);
  await store.delete('sets/dev.csv');
  await fetchData(store, wanted);
  expect(await readdir(target)).toEqual(['train.csv']);
});

test('nothing there is an error with the place', async () => {
  const store = await storeOf({ 'sets/readme.md': 'a' });
  for (const key of ['sets', 'set', 'sets/train.csv'])
    expect(await faultOf(fetchData(store, { key, isFolder: false, target: 'unused' }))).toMatch(
      new RegExp(`${key}: no such object, and no train, dev or test file under it$`),
    );
});

const program = await findVersitygw();
if (program === undefined) console.warn(howToGetIt);

describe.skipIf(program === undefined)('a real server', () => {
  let server: S3Server;
  const before = { ...process.env };
  beforeAll(async () => {
    server = await startVersitygw(program!);
    Object.assign(process.env, server.env);
  });
  afterAll(async () => {
    process.env = before;
    await server.stop();
  });

  test('keys of any spelling are fetched, under the folder that names them', async () => {
    const bucket = await server.bucket('data-sets');
    const { openS3Store } = await import('../../functions/store/s3.ts');
    const put = async (key: string, text: string) => {
      const answer = openS3Store({ bucket, prefix: 'My Sets' });
      await answer.put(key, bytes(text));
    };
    await put('train.csv', 'text,label\na,x\n');
    await put('dev.csv', 'text,label\nb,x\n');
    const cache = await folderOf({});
    const folder = await localPath(`s3://${bucket}/My Sets/`, cache);
    expect(relative(cache, folder)).toBe(join('data', bucket, 'My Sets'));
    expect((await readdir(folder)).sort()).toEqual(['dev.csv', 'train.csv']);
    const file = await localPath(`s3://${bucket}/My Sets/train.csv`, cache);
    expect(await readFile(file, 'utf8')).toBe('text,label\na,x\n');
    expect(await localPath(`s3://${bucket}/My Sets`, cache)).toBe(folder);
    expect(await faultOf(localPath(`s3://${bucket}/Other`, cache))).toContain('no such object');
  });
});
