/**
 * Data in S3, as files on this machine: `s3://bucket/key` is one object, or the files right under a prefix. Fetched anew at
 * every call into `<cache>/data/<bucket>/<key>`, so that messages still say which object they mean.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';

const url = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/(.*))?$/;

/** The path itself where it is none of S3. */
export async function localPath(path: string, cacheDir: string): Promise<string> {
  if (!path.startsWith('s3://')) return path;
  const [, bucket, given = ''] = url.exec(path) ?? [];
  const key = given.replace(/\/+$/, '');
  if (
    bucket === undefined ||
    key.split('/').some(part => part === '..' || part === '.') ||
    key.includes('\0')
  )
    throw new VeneerError('usage', `${JSON.stringify(path)}: write s3://BUCKET/KEY`);
  const { openS3Store } = await import('../../functions/store/s3.ts');
  return fetchData(openS3Store({ bucket, prefix: '', anyKey: true }), {
    key,
    isFolder: key === '' || given.endsWith('/'),
    target: join(cacheDir, 'data', bucket, ...key.split('/')),
  });
}

interface Wanted {
  key: string;
  /** Whether the key can only be a prefix. */
  isFolder: boolean;
  target: string;
}

export async function fetchData(store: Store, { key, isFolder, target }: Wanted): Promise<string> {
  const object = isFolder ? undefined : await store.get(key);
  if (object) {
    await write(target, object.bytes);
    return target;
  }
  const prefix = key === '' ? '' : `${key}/`;
  const names: string[] = [];
  for await (const found of store.list(prefix)) {
    const name = found.slice(prefix.length);
    if (name !== '' && !name.includes('/') && isSplit.test(name)) names.push(name);
  }
  if (names.length === 0)
    throw new VeneerError(
      'invalid_data',
      `${store.url}/${key}: no such object, and no train, dev or test file under it`,
    );
  await emptyFolder(target, new Set(names));
  for (const name of names) {
    const file = await store.get(prefix + name);
    if (file) await write(join(target, name), file.bytes);
  }
  return target;
}

/** What files.ts may look for in a folder; a prefix can hold far more than a data set. */
const isSplit = /^(?:train|dev|valid|validation|test)[.-]/;

/** What is no longer there must not be read as a split. */
async function emptyFolder(folder: string, keep: ReadonlySet<string>): Promise<void> {
  await translated(folder, async () => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const entry of await readdir(folder, { withFileTypes: true }))
      if (entry.isFile() && !keep.has(entry.name)) await rm(join(folder, entry.name), { force: true });
  });
}

async function write(path: string, bytes: Uint8Array): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(6).toString('hex')}`);
  await translated(path, async () => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(temporary, bytes, { mode: 0o600 });
    await rename(temporary, path);
  });
}

async function translated(path: string, work: () => Promise<void>): Promise<void> {
  await work().catch(cause => {
    throw new VeneerError('unavailable', `${path}: cannot be written (${cause.code ?? cause})`, { cause });
  });
}
