/**
 * Remembers across processes that a file's bytes have been verified, so that a cold start does not hash a base again. A
 * receipt holds only as long as the file is the same inode with the same size and times: any write to it voids it. All of it
 * is synchronous: at a cold start each step would otherwise wait for a turn behind the parts of a base that come.
 */
import { randomBytes } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from './digest.ts';

/** Undefined where no regular file is at `path`. */
function stateOf(path: string, digest: string): string | undefined {
  const entry = statSync(path, { bigint: true, throwIfNoEntry: false });
  if (!entry?.isFile()) return undefined;
  return [digest, entry.dev, entry.ino, entry.size, entry.mtimeNs, entry.ctimeNs].join(' ');
}

const receiptPath = (cacheDir: string, path: string) => join(cacheDir, 'verified', sha256(path));

export function hasReceipt(cacheDir: string, path: string, digest: string): boolean {
  try {
    return readFileSync(receiptPath(cacheDir, path), 'utf8') === stateOf(path, digest);
  } catch {
    return false;
  }
}

/** Call it after the bytes were found good. A folder that cannot be written only costs the next start its hash. */
export function writeReceipt(cacheDir: string, path: string, digest: string): void {
  const receipt = receiptPath(cacheDir, path);
  const temporary = `${receipt}.${randomBytes(8).toString('hex')}`;
  try {
    const state = stateOf(path, digest);
    if (state === undefined) return;
    mkdirSync(join(cacheDir, 'verified'), { recursive: true, mode: 0o700 });
    writeFileSync(temporary, state, { flag: 'wx', mode: 0o600 });
    renameSync(temporary, receipt);
  } catch {}
}
