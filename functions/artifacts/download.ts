/** A blob from a remote store to a file: large ones in parts at once, whole and verified or not there at all. */
import { createHash, randomBytes } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { type FileHandle, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import { sha256 } from './digest.ts';
import type { FileRef } from './manifests.ts';

/** S3 gives each connection some 90 MB/s, so that a small base comes in several parts as well. */
const partBytes = 4 << 20;
const partsAtOnce = 6;
/** Written and hashed at once. */
const pieceBytes = 1 << 20;
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
      const file = await open(temporary, 'w+', 0o600);
      let digest: string | undefined;
      try {
        digest = await fill(file, store, { key, ref, path: temporary });
      } finally {
        await file.close();
      }
      if (digest === undefined) return 'missing';
      if (digest !== ref.sha256) continue;
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

/** The digest of what the file holds then; undefined where there is no such object. */
async function fill(file: FileHandle, store: Store, { key, ref, path }: Blob): Promise<string | undefined> {
  if (!store.getRange || ref.bytes <= partBytes) {
    const found = await store.get(key);
    if (!found) return undefined;
    await file.writeFile(found.bytes);
    return sha256(found.bytes);
  }
  const parts = Array.from({ length: Math.ceil(ref.bytes / partBytes) }, (_, part) => ({
    start: part * partBytes,
    end: Math.min(ref.bytes, (part + 1) * partBytes),
  }));
  const written: Promise<boolean>[] = [];
  for (const [index, { start, end }] of parts.entries()) {
    const before = written[index - partsAtOnce] ?? Promise.resolve(true);
    written.push(before.then(() => writePart(path, start, store.getRange!(key, start, end))));
  }
  const ended = Promise.allSettled(written);
  try {
    const hash = createHash('sha256');
    const piece = Buffer.allocUnsafe(pieceBytes);
    // From the file, and while the parts behind it come.
    for (const [index, { start, end }] of parts.entries()) {
      if (!(await written[index])) return undefined;
      for (let at = start; at < end; ) {
        const { bytesRead } = await file.read(piece, 0, Math.min(pieceBytes, end - at), at);
        if (bytesRead === 0) break;
        hash.update(piece.subarray(0, bytesRead));
        at += bytesRead;
      }
    }
    return hash.digest('hex');
  } finally {
    // Whatever happened in one of them: nothing writes any more.
    await ended;
  }
}

/** False where nothing came. */
async function writePart(path: string, start: number, bytes: AsyncIterable<Uint8Array>): Promise<boolean> {
  const target = createWriteStream(path, { flags: 'r+', start, highWaterMark: pieceBytes });
  await pipeline(bytes, target);
  return target.bytesWritten > 0;
}

/** Reads in pieces: a weights file is not held in memory. Undefined where there is no such file. */
export async function digestOfFile(path: string): Promise<string | undefined> {
  if (!(await stat(path).catch(() => undefined))?.isFile()) return undefined;
  const hash = createHash('sha256');
  for await (const piece of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(piece);
  return hash.digest('hex');
}
