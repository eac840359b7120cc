/** Base models in the store: content-addressed files, and one manifest a base, written last and replaced by compare-and-swap. */
import { join, resolve } from 'node:path';
import { VeneerError } from '../error.ts';
import type { Store, WriteCondition } from '../store/store.ts';
import { canonicalJson, sha256 } from './digest.ts';
import { parseDocument, parseName } from './document.ts';
import { digestOfFile, downloadBlob } from './download.ts';
import { BaseManifest, type FileRef } from './manifests.ts';
import { BaseName, Digest } from './names.ts';
import { hasReceipt, writeReceipt } from './receipts.ts';

export interface BaseFile {
  sha256: string;
  bytes: Uint8Array;
}

/**
 * Publishing the same manifest again changes nothing. Other graphs or another precision of the same base replace it;
 * another base under its name does so only by `force`, which also writes every file anew.
 */
export async function publishBase(
  store: Store,
  manifest: BaseManifest,
  files: BaseFile[],
  { force = false }: { force?: boolean } = {},
): Promise<{ created: boolean }> {
  const { name } = manifest;
  const bytes = canonicalJson(manifest);
  parseDocument(BaseManifest, bytes, `base ${name}`);
  checkFiles(manifest, files);

  const standing = await store.get(manifestKey(name));
  if (standing && !force) {
    if (sha256(standing.bytes) === sha256(bytes)) return { created: false };
    const { digest } = parseDocument(BaseManifest, standing.bytes, `base ${name}`);
    if (digest !== manifest.digest)
      throw new VeneerError(
        'conflict',
        `the store's base ${name} is another model (digest ${digest}), and its adapters need it: use another name, or --force`,
      );
  }
  for (const file of files)
    await putBlob(store, { key: blobKey(name, file.sha256), bytes: file.bytes, force });

  const condition: WriteCondition = standing ? { etag: standing.etag } : { absent: true };
  try {
    await store.put(manifestKey(name), bytes, condition);
    return { created: true };
  } catch (error) {
    if (!isConflict(error)) throw error;
    const winner = await store.get(manifestKey(name));
    if (winner && sha256(winner.bytes) === sha256(bytes)) return { created: false };
    throw new VeneerError('conflict', `someone else published base ${name} at the same time: run it again`);
  }
}

function checkFiles(manifest: BaseManifest, files: BaseFile[]): void {
  const bySha256 = new Map(files.map(file => [file.sha256, file.bytes]));
  const unnamed = new Set(bySha256.keys());
  for (const [what, ref] of fileRefs(manifest)) {
    const bytes = bySha256.get(ref.sha256);
    if (!bytes)
      throw new VeneerError('invalid_artifact', `base ${manifest.name}: ${what} (${ref.sha256}) is missing`);
    if (bytes.length !== ref.bytes || (unnamed.delete(ref.sha256) && sha256(bytes) !== ref.sha256))
      throw new VeneerError(
        'digest_mismatch',
        `base ${manifest.name}: ${what} is not what the manifest says`,
      );
  }
  for (const digest of unnamed)
    throw new VeneerError(
      'invalid_artifact',
      `base ${manifest.name}: the manifest does not name file ${digest}`,
    );
}

function fileRefs({ tokenizer, weights, trainingWeights, graphs }: BaseManifest): Map<string, FileRef> {
  return new Map([
    ['tokenizer.source', tokenizer.source],
    ['tokenizer.compiled', tokenizer.compiled],
    ['weights', weights],
    ['trainingWeights', trainingWeights],
    ...Object.entries(graphs).map(([name, ref]) => [`graphs.${name}`, ref] as const),
  ]);
}

async function putBlob(
  store: Store,
  { key, bytes, force }: { key: string; bytes: Uint8Array; force: boolean },
) {
  try {
    await store.put(key, bytes, force ? undefined : { absent: true });
  } catch (error) {
    if (!isConflict(error)) throw error; // there already, and its name is its content
  }
}

/** @throws VeneerError `not_found` saying how to get the base. */
export async function readBase(store: Store, name: string): Promise<BaseManifest> {
  const found = await store.get(manifestKey(name));
  if (!found)
    throw new VeneerError('not_found', `the store has no base ${name}: run npx trainer pull-base ${name}`);
  return parseDocument(BaseManifest, found.bytes, `base ${name}`);
}

/** Files verified by this process, by path; a failure is forgotten. */
const verified = new Map<string, Promise<string>>();

/**
 * Absolute path of a base's file whose content has been verified. All files of one base lie in one folder under their
 * digests, which is how a graph finds its weights.
 */
export function baseFile(store: Store, name: string, ref: FileRef, cacheDir: string): Promise<string> {
  const key = blobKey(name, ref.sha256);
  const path = store.localPath?.(key) ?? join(resolve(cacheDir), parseName(BaseName, name), ref.sha256);
  let ready = verified.get(path);
  if (!ready) {
    ready = verifiedFile(store, { key, path, name, ref, cacheDir });
    verified.set(path, ready);
    ready.catch(() => verified.delete(path));
  }
  return ready;
}

async function verifiedFile(store: Store, wanted: Download & { cacheDir: string }): Promise<string> {
  const { path, ref, cacheDir } = wanted;
  if (hasReceipt(cacheDir, path, ref.sha256)) return path;
  await (store.localPath ? verifyOwn(path, wanted) : download(store, wanted));
  writeReceipt(cacheDir, path, ref.sha256);
  return path;
}

async function verifyOwn(path: string, { name, ref }: { name: string; ref: FileRef }): Promise<string> {
  const found = await digestOfFile(path);
  if (found === undefined) throw missing(name, ref);
  if (found !== ref.sha256) throw damaged(name, ref);
  return path;
}

interface Download {
  key: string;
  path: string;
  name: string;
  ref: FileRef;
}

async function download(store: Store, { key, path, name, ref }: Download): Promise<string> {
  if ((await digestOfFile(path)) === ref.sha256) return path;
  const outcome = await downloadBlob(store, { key, path, ref });
  if (outcome === 'missing') throw missing(name, ref);
  if (outcome === 'damaged') throw damaged(name, ref);
  return path;
}

function missing(name: string, ref: FileRef): VeneerError {
  return new VeneerError(
    'invalid_artifact',
    `base ${name}: file ${ref.sha256} is missing: run npx trainer pull-base ${name} --force`,
  );
}

function damaged(name: string, ref: FileRef): VeneerError {
  return new VeneerError(
    'digest_mismatch',
    `base ${name}: file ${ref.sha256} is damaged: run npx trainer pull-base ${name} --force`,
  );
}

function isConflict(error: unknown): boolean {
  return error instanceof VeneerError && error.code === 'conflict';
}

function manifestKey(name: string): string {
  return `bases/${parseName(BaseName, name)}/manifest.json`;
}

function blobKey(name: string, digest: string): string {
  return `bases/${parseName(BaseName, name)}/${parseName(Digest, digest)}`;
}
