/** A blob from a remote store to a file: large ones in parts at once, whole and verified or not there at all. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import type { FileRef } from './manifests.ts';

/** S3 gives each connection some 90 MB/s; AWS advises requests of 8 to 16 MB. */
const partBytes = 8 << 20;
const partsAtOnce = 6;
/** A damaged copy is fetched once more: unlike a whole object, a part of one has no checksum of its own on the way. */
const maxTries = 2;

interface Blob {
  key: string;
  path: string;
  ref: FileRef;
}

/** Several processes may download at once: each writes its own temporary file, and any rename leaves the same content. */
export async function downloadBlob(
  store: Store,
  { key, path, ref }: Blob,
): Promise<'done' | 'missing' | 'damaged'> {
  const folder = dirname(path);
  const temporary = join(folder, `.tmp-${randomBytes(12).toString('hex')}`);
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (let tries = 1; tries <= maxTries; tries++) {
      const file = await open(temporary, 'w', 0o600);
      try {
        if (!(await fill(file, store, { key, ref }))) return 'missing';
      } finally {
        await file.close();
      }
      if ((await digestOfFile(temporary)) !== ref.sha256) continue;
      await rename(temporary, path);
      return 'done';
    }
    return 'damaged';
  } catch (error) {
    if (error instanceof VeneerError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    throw new VeneerError('unavailable', `${folder}: cannot keep the base's files here (${code})`, {
      cause: error,
    });
  } finally {
    await rm(temporary, { force: true });
  }
}

/** False where there is no such object. */
async function fill(
  file: FileHandle,
  store: Store,
  { key, ref }: Pick<Blob, 'key' | 'ref'>,
): Promise<boolean> {
  if (!store.getRange || ref.bytes <= partBytes) {
    const found = await store.get(key);
    if (found) await file.write(found.bytes, 0, found.bytes.length, 0);
    return found !== undefined;
  }
  const { getRange } = store;
  const starts = Array.from(
    { length: Math.ceil(ref.bytes / partBytes) },
    (_, part) => part * partBytes,
  ).values();
  let whole = true;
  const lane = async () => {
    for (const start of starts) {
      const bytes = await getRange(key, start, Math.min(ref.bytes, start + partBytes));
      if (bytes) await file.write(bytes, 0, bytes.length, start);
      else whole = false;
    }
  };
  // All lanes have ended before the file is closed, whatever happened in one of them.
  const lanes = await Promise.allSettled(Array.from({ length: partsAtOnce }, lane));
  for (const lane of lanes) if (lane.status === 'rejected') throw lane.reason;
  return whole;
}

/** Reads in pieces: a weights file is not held in memory. Undefined where there is no such file. */
export async function digestOfFile(path: string): Promise<string | undefined> {
  if (!(await stat(path).catch(() => undefined))?.isFile()) return undefined;
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece);
  return hash.digest('hex');
}
