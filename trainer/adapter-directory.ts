/** A finished adapter on disk, as `train` leaves it: manifest.json and adapter.safetensors. */
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkBase } from '../functions/adapters.ts';
import { type ResidentAdapter, readAdapter } from '../functions/artifacts/adapter.ts';
import { sha256 } from '../functions/artifacts/digest.ts';
import { AdapterManifest, type BaseManifest } from '../functions/artifacts/manifests.ts';
import { VeneerError } from '../functions/error.ts';
import type { FinishedAdapter } from '../functions/publish.ts';
import { isRunDirectory, unserved } from './run-directory.ts';

/** @throws VeneerError where the directory is not a finished adapter, or its files are not what its manifest says. */
export async function readAdapterDirectory(directory: string): Promise<FinishedAdapter> {
  const manifestBytes = await readFile(join(directory, 'manifest.json')).catch(async () => {
    if (await isRunDirectory(directory)) throw await unserved(directory);
    throw new VeneerError(
      'not_found',
      `${directory} holds no manifest.json: it is no finished adapter of trainer train`,
    );
  });
  let json: unknown;
  try {
    json = JSON.parse(manifestBytes.toString());
  } catch (error) {
    throw new VeneerError(
      'invalid_artifact',
      `${join(directory, 'manifest.json')}: ${(error as Error).message}`,
    );
  }
  const parsed = AdapterManifest.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new VeneerError(
      'invalid_artifact',
      `${join(directory, 'manifest.json')}: ${issue?.path.join('.')}: ${issue?.message}`,
    );
  }
  const path = join(directory, 'adapter.safetensors');
  const file = await readFile(path).catch(() => {
    throw new VeneerError('not_found', `${path} is missing`);
  });
  if (sha256(file) !== parsed.data.files['adapter.safetensors'].sha256)
    throw new VeneerError(
      'digest_mismatch',
      `${path} is not the file that manifest.json names: train it again`,
    );
  return { manifest: parsed.data, manifestBytes, files: { 'adapter.safetensors': file } };
}

/** The adapter ready to run on this base. */
export function residentOf(
  { manifest, manifestBytes, files }: FinishedAdapter,
  base: BaseManifest,
): ResidentAdapter {
  checkBase(manifest.base, base, 'directory');
  return readAdapter(files['adapter.safetensors'], {
    manifest,
    digest: sha256(manifestBytes),
    config: base.config,
  });
}

/** Makes the directory, and those above it, where they are not there. */
export async function makeDirectory(path: string): Promise<void> {
  await mkdir(path, { recursive: true }).catch(cause => {
    throw unwritable(path, cause);
  });
}

/**
 * Replaces a file whole or not at all, also where the machine stops in the middle.
 * @param keepAs Where the file that was there goes.
 */
export async function replaceFile(
  path: string,
  bytes: Uint8Array | Iterable<Uint8Array>,
  keepAs?: string,
): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    await writeFile(temporary, bytes, { flush: true });
    if (keepAs !== undefined)
      await rename(path, keepAs).catch(error => {
        if (error.code !== 'ENOENT') throw error;
      });
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => {});
    throw unwritable(path, error);
  }
}

/** A rename is on the disk once its directory is. */
async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

/** Removes a file that may not be there. */
export async function removeFile(path: string): Promise<void> {
  await rm(path, { force: true }).catch(cause => {
    throw unwritable(path, cause);
  });
}

const reasons: Record<string, string> = {
  EEXIST: 'a file is in the way',
  ENOTDIR: 'a file is in the way',
  ERR_FS_EISDIR: 'a folder is in the way',
  ENOSPC: 'the disk is full',
};

export function unwritable(path: string, cause: unknown): VeneerError {
  const { code = '' } = cause as NodeJS.ErrnoException;
  const why = reasons[code] ?? code;
  return new VeneerError('unavailable', `${path}: cannot be written (${why})`, { cause });
}
