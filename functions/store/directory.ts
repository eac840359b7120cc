/**
 * The store as a directory: one file a key, readable by its owner only. Writes are whole or not at all, and the
 * conditions hold between processes. Names that begin with a dot are the store's own and never listed.
 */
import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readdir, readFile, rename, rm } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { sha256 } from '../artifacts/digest.ts';
import { VeneerError } from '../error.ts';
import { checkKey, checkPrefix, isKey } from './key.ts';
import type { Store, StoredObject } from './store.ts';

export function openDirectoryStore(path: string): Store {
  const root = resolve(path);
  const fileOf = (key: string) => join(root, ...checkKey(key).split('/'));

  return {
    url: `file:${root}`,
    localPath: fileOf,

    async get(key) {
      return read(fileOf(key));
    },

    async getIfChanged(key, etag) {
      const found = await read(fileOf(key));
      return found?.etag === etag ? 'unchanged' : found;
    },

    async put(key, bytes, condition) {
      const target = fileOf(key);
      const folder = dirname(target);
      const conflict = new VeneerError(
        'conflict',
        `${key} was changed by someone else first: read it again and retry`,
      );
      return translated(key, async () => {
        await mkdir(folder, { recursive: true, mode: 0o700 });
        const temporary = join(folder, `.tmp-${randomBytes(12).toString('hex')}`);
        try {
          await writeSynced(temporary, bytes);
          if (condition && 'absent' in condition) {
            // link(2) never replaces, so that the first of any writers wins without a lock.
            await link(temporary, target).catch(error => {
              throw codeOf(error) === 'EEXIST' ? conflict : error;
            });
          } else {
            await locked(target, async () => {
              if (condition && (await read(target))?.etag !== condition.etag) throw conflict;
              await rename(temporary, target);
            });
          }
          await syncFolder(folder);
        } finally {
          await rm(temporary, { force: true });
        }
        return sha256(bytes);
      });
    },

    async *list(prefix) {
      const folder = checkPrefix(prefix).slice(0, prefix.lastIndexOf('/') + 1);
      yield* walk(join(root, folder), folder, prefix);
    },

    async delete(key) {
      const target = fileOf(key);
      await translated(key, async () => {
        if (await read(target)) await locked(target, () => rm(target, { force: true }));
      });
    },
  };

  async function read(file: string): Promise<StoredObject | undefined> {
    try {
      const bytes = await readFile(file);
      return { bytes, etag: sha256(bytes) };
    } catch (error) {
      if (['ENOENT', 'ENOTDIR', 'EISDIR'].includes(codeOf(error))) return undefined;
      throw translate(error, file.slice(root.length + 1));
    }
  }

  /** A folder sorts with its slash, which is what puts keys in the order of their bytes: `a-b`, `a/b`, `a0`. */
  async function* walk(folder: string, start: string, prefix: string): AsyncGenerator<string> {
    const entries = await readdir(folder, { withFileTypes: true }).catch(error => {
      if (['ENOENT', 'ENOTDIR'].includes(codeOf(error))) return [];
      throw translate(error, start);
    });
    const names = entries
      .filter(entry => isKey(entry.name) && (entry.isFile() || entry.isDirectory()))
      .map(entry => start + entry.name + (entry.isDirectory() ? '/' : ''))
      .filter(name => name.startsWith(prefix))
      .sort();
    for (const name of names) {
      if (name.endsWith('/')) yield* walk(join(root, name), name, prefix);
      else yield name;
    }
  }
}

/** Loaded by the first writer: whoever only reads, as a start does, needs no lock. */
async function locked<T>(file: string, work: () => Promise<T>): Promise<T> {
  const { withLock } = await import('./lock.ts');
  return withLock(join(dirname(file), `.lock-${sha256(basename(file)).slice(0, 16)}`), work);
}

async function writeSynced(file: string, bytes: Uint8Array): Promise<void> {
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Makes the new name itself last through a power cut; some platforms cannot, and lose nothing but that. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r').catch(() => undefined);
  await handle?.sync().catch(() => undefined);
  await handle?.close();
}

async function translated<T>(key: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw translate(error, key);
  }
}

function translate(error: unknown, key: string): unknown {
  const code = codeOf(error);
  if (error instanceof VeneerError || code === '') return error;
  const cause = { cause: error };
  if (code === 'EACCES')
    return new VeneerError('forbidden', `${key}: the store's directory does not let this user in`, cause);
  if (['EISDIR', 'ENOTDIR', 'ENOTEMPTY', 'EEXIST'].includes(code))
    return new VeneerError(
      'invalid_request',
      `${key}: one key cannot be the folder of another in a directory store`,
      cause,
    );
  if (['EPERM', 'ENOTSUP', 'EOPNOTSUPP'].includes(code))
    return new VeneerError(
      'unavailable',
      `${key}: the store's file system has no hard links: use another directory, or S3`,
      cause,
    );
  return new VeneerError('unavailable', `${key}: the store's directory failed with ${code}`, cause);
}

function codeOf(error: unknown): string {
  return (error as NodeJS.ErrnoException | undefined)?.code ?? '';
}
