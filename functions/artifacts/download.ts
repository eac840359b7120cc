/** A blob from a remote store to a file: large ones in parts at once, whole and verified or not there at all. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import { sha256 } from './digest.ts';
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
  let done = false;
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (let tries = 1; tries <= maxTries; tries++) {
      const file = await open(temporary, 'w', 0o600);
      let digest: string | undefined;
      try {
        digest = await fill(file, store, { key, ref });
      } finally {
        await file.close();
      }
      if (digest === undefined) return 'missing';
      if (digest !== ref.sha256) continue;
      await rename(temporary, path);
      done = true;
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
    if (!done) await rm(temporary, { force: true });
  }
}

/** The digest of what was written; undefined where there is no such object. */
async function fill(
  file: FileHandle,
  store: Store,
  { key, ref }: Pick<Blob, 'key' | 'ref'>,
): Promise<string | undefined> {
  const { getRange } = store;
  if (!getRange || ref.bytes <= partBytes) {
    const found = await store.get(key);
    if (!found) return undefined;
    await file.writeFile(found.bytes);
    return sha256(found.bytes);
  }
  const starts = Array.from({ length: Math.ceil(ref.bytes / partBytes) }, (_, part) => part * partBytes);
  /** On their way, in their order: no more of a large file is in memory at once. */
  const asked: Promise<Uint8Array[]>[] = [];
  const written: Promise<void>[] = [];
  const ask = (start: number) => {
    const part = gathered(getRange(key, start, Math.min(ref.bytes, start + partBytes)));
    part.catch(() => {});
    asked.push(part);
  };
  starts.slice(0, partsAtOnce).forEach(ask);
  try {
    const hash = createHash('sha256');
    // In their order, while those behind them come.
    for (const [index, start] of starts.entries()) {
      const pieces = await asked.shift()!;
      if (pieces.length === 0) return undefined;
      // A disk that is slower than the line holds it up.
      await written[index - partsAtOnce];
      const next = starts[index + partsAtOnce];
      if (next !== undefined) ask(next);
      const writing = writePieces(file, pieces, start);
      writing.catch(() => {});
      written.push(writing);
      for (const piece of pieces) hash.update(piece);
    }
    await Promise.all(written);
    return hash.digest('hex');
  } finally {
    // Whatever happened to one of them: nothing writes any more.
    await Promise.allSettled([...asked, ...written]);
  }
}

async function gathered(bytes: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const pieces: Uint8Array[] = [];
  for await (const piece of bytes) pieces.push(piece);
  return pieces;
}

/** A call of `writev` may write less than it was given. */
async function writePieces(file: FileHandle, pieces: readonly Uint8Array[], start: number): Promise<void> {
  for (let [left, at] = [pieces, start]; left.length > 0; ) {
    let { bytesWritten } = await file.writev(left, at);
    at += bytesWritten;
    left = left.flatMap(piece => {
      const done = Math.min(bytesWritten, piece.length);
      bytesWritten -= done;
      return done === piece.length ? [] : [piece.subarray(done)];
    });
  }
}

/** Reads in pieces: a weights file is not held in memory. Undefined where there is no such file. */
export async function digestOfFile(path: string): Promise<string | undefined> {
  if (!(await stat(path).catch(() => undefined))?.isFile()) return undefined;
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece);
  return hash.digest('hex');
}
