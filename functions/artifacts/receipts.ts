/**
 * Remembers across processes that a file's bytes have been verified, so that a cold start does not hash a base again. A
 * receipt holds only as long as the file is the same inode with the same size and times: any write to it voids it.
 */
import { randomBytes } from 'node:crypto';
import { mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from './digest.ts';

/** Undefined where no regular file is at `path`. */
async function stateOf(path: string, digest: string): Promise<string | undefined> {
  const entry = await stat(path, { bigint: true }).catch(() => undefined);
  if (!entry?.isFile()) return undefined;
  return [digest, entry.dev, entry.ino, entry.size, entry.mtimeNs, entry.ctimeNs].join(' ');
}

const receiptPath = (cacheDir: string, path: string) => join(cacheDir, 'verified', sha256(path));

export async function hasReceipt(cacheDir: string, path: string, digest: string): Promise<boolean> {
  const [written, state] = await Promise.all([
    readFile(receiptPath(cacheDir, path), 'utf8').catch(() => undefined),
    stateOf(path, digest),
  ]);
  return state !== undefined && written === state;
}

/** Call it after the bytes were found good. A folder that cannot be written only costs the next start its hash. */
export async function writeReceipt(cacheDir: string, path: string, digest: string): Promise<void> {
  const state = await stateOf(path, digest);
  if (state === undefined) return;
  const receipt = receiptPath(cacheDir, path);
  const temporary = `${receipt}.${randomBytes(8).toString('hex')}`;
  try {
    await mkdir(join(cacheDir, 'verified'), { recursive: true, mode: 0o700 });
    await writeFile(temporary, state, { flag: 'wx', mode: 0o600 });
    await rename(temporary, receipt);
  } catch {}
}
