/**
 * Adapter versions and aliases in the store. A version is immutable and its manifest is written last, so a version that
 * can be found is whole. Only an alias is ever rewritten, by compare-and-swap.
 */
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import { aliasKey, versionFolder } from './adapter-keys.ts';
import { canonicalJson, sha256 } from './digest.ts';
import { parseDocument } from './document.ts';
import { AdapterManifest, Alias, type Canary } from './manifests.ts';
import type { AdapterReference } from './names.ts';

export interface NewVersion {
  tenant: string;
  name: string;
  /** The bytes whose digest becomes the version's identity. */
  manifest: Uint8Array;
  files: Record<string, Uint8Array>;
}

export interface AdapterVersion {
  digest: string;
  manifest: AdapterManifest;
  files: Record<keyof AdapterManifest['files'], Uint8Array>;
}

/** What an alias says, and the etag that a compare-and-swap of it needs. */
export interface StandingAlias {
  alias: Alias;
  etag: string;
}

/** The version that an alias points to, what is tried beside it, and the etag of the alias that says so. */
export interface AliasTarget extends Pick<Alias, 'digest' | 'canary' | 'shadow'> {
  etag: string;
}

export interface AliasChange {
  tenant: string;
  name: string;
  alias: string;
  /** The version it shall point to. */
  digest: string;
  /** What is tried beside it; left out: nothing, so that moving an alias ends what was tried before. */
  canary?: Canary | undefined;
  shadow?: string | undefined;
  /** What the alias must still be: what `readAlias` returned, null for no alias. Left out: whatever it is now. */
  expect?: StandingAlias | null | undefined;
}

/** Writes a version; pushing the same bytes again changes nothing, except that damaged files are made good. */
export async function publishVersion(
  store: Store,
  version: NewVersion,
): Promise<{ digest: string; created: boolean }> {
  const digest = sha256(version.manifest);
  const manifest = parseDocument(AdapterManifest, version.manifest, 'manifest.json');
  const files = matchingFiles(manifest, version.files);
  const folder = versionFolder({ ...version, digest });
  const standing = await store.get(`${folder}/manifest.json`);

  for (const [file, bytes] of files) {
    const there = standing && (await store.get(`${folder}/${file}`));
    if (!there || sha256(there.bytes) !== sha256(bytes)) await store.put(`${folder}/${file}`, bytes);
  }
  if (standing && sha256(standing.bytes) === digest) return { digest, created: false };
  try {
    const condition = standing ? { etag: standing.etag } : { absent: true as const };
    await store.put(`${folder}/manifest.json`, version.manifest, condition);
  } catch (error) {
    // The key carries the digest: whoever came first wrote these same bytes.
    if (isConflict(error)) return { digest, created: false };
    throw error;
  }
  // Until the manifest was there the files had no owner, and may have been collected as garbage (deletion.ts).
  for (const [file, bytes] of files)
    if (!(await store.get(`${folder}/${file}`))) await store.put(`${folder}/${file}`, bytes);
  return { digest, created: true };
}

/** The files that the manifest names. @throws VeneerError where one is missing, too many or not what it says. */
export function matchingFiles(
  manifest: AdapterManifest,
  files: Record<string, Uint8Array>,
): [string, Uint8Array][] {
  const extra = Object.keys(files).find(file => !Object.hasOwn(manifest.files, file));
  if (extra !== undefined)
    throw new VeneerError('invalid_artifact', `${extra}: the manifest does not name this file`);
  return Object.entries(manifest.files).map(([file, expected]) => {
    const bytes = files[file];
    if (!bytes)
      throw new VeneerError('invalid_artifact', `${file}: the manifest names this file, and it is missing`);
    checkFile(file, bytes, expected);
    return [file, bytes];
  });
}

function checkFile(what: string, bytes: Uint8Array, expected: { sha256: string; bytes: number }): void {
  if (bytes.length !== expected.bytes)
    throw new VeneerError(
      'digest_mismatch',
      `${what}: ${bytes.length} bytes, the manifest says ${expected.bytes}`,
    );
  if (sha256(bytes) !== expected.sha256)
    throw new VeneerError('digest_mismatch', `${what}: SHA-256 is not the manifest's ${expected.sha256}`);
}

export async function readAlias(
  store: Store,
  { tenant, name, alias }: { tenant: string; name: string; alias: string },
): Promise<StandingAlias | undefined> {
  const found = await store.get(aliasKey(tenant, name, alias));
  return found && { alias: parseDocument(Alias, found.bytes, `alias ${name}@${alias}`), etag: found.etag };
}

/**
 * The version that an alias points to, and what is tried beside it. Where `known` says what it was before, it is fetched only if it has changed.
 * @throws VeneerError `not_found`.
 */
export async function followAlias(
  store: Store,
  {
    tenant,
    name,
    alias,
    known,
  }: { tenant: string; name: string; alias: string; known?: AliasTarget | undefined },
): Promise<AliasTarget> {
  const key = aliasKey(tenant, name, alias);
  const found = await (known ? store.getIfChanged(key, known.etag) : store.get(key));
  if (found === 'unchanged') return known!;
  if (!found) throw notFound({ name, alias });
  const { digest, canary, shadow } = parseDocument(Alias, found.bytes, `alias ${name}@${alias}`);
  return { digest, canary, shadow, etag: found.etag };
}

/**
 * Points an alias at a version that exists and keeps what it pointed to before in `previous`; a change of the trials alone
 * leaves `previous` as it is.
 * @throws VeneerError `conflict` where someone else changed it first; the message says to what.
 */
export async function setAlias(store: Store, change: AliasChange): Promise<Alias> {
  const { tenant, name, digest, canary, shadow } = change;
  for (const wanted of [digest, canary?.digest, shadow])
    if (wanted !== undefined && !(await hasVersion(store, { tenant, name, digest: wanted })))
      throw notFound({ name, digest: wanted });
  const now = await readAlias(store, change);
  if (now && saysAlready(now.alias, change)) return now.alias;
  const expected = change.expect === undefined ? now : (change.expect ?? undefined);
  if (expected?.etag !== now?.etag) throw lostRace(change, now);

  const alias: Alias = {
    digest,
    previous: (now?.alias.digest === digest ? now.alias.previous : now?.alias.digest) ?? null,
    updatedAt: new Date().toISOString(),
    ...(canary && { canary }),
    ...(shadow !== undefined && { shadow }),
  };
  try {
    const condition = now ? { etag: now.etag } : { absent: true as const };
    await store.put(aliasKey(tenant, name, change.alias), canonicalJson(alias), condition);
    return alias;
  } catch (error) {
    if (!isConflict(error)) throw error;
    const winner = await readAlias(store, change);
    if (winner && saysAlready(winner.alias, change)) return winner.alias;
    throw lostRace(change, winner);
  }
}

function saysAlready(now: Alias, { digest, canary, shadow }: AliasChange): boolean {
  return (
    now.digest === digest &&
    now.canary?.digest === canary?.digest &&
    now.canary?.percent === canary?.percent &&
    now.shadow === shadow
  );
}

function lostRace({ name, alias }: AliasChange, winner: StandingAlias | undefined): VeneerError {
  const standing = winner ? `points to sha256:${winner.alias.digest}` : 'is gone';
  return new VeneerError(
    'conflict',
    `${name}@${alias} was changed by someone else first and now ${standing}: look at it and try again`,
  );
}

/** The digest of the version that a reference means; of an alias what it points to. @throws VeneerError `not_found`. */
export async function resolveReference(
  store: Store,
  tenant: string,
  reference: AdapterReference,
): Promise<string> {
  if ('alias' in reference) return (await followAlias(store, { tenant, ...reference })).digest;
  const { name, digest } = reference;
  if (!(await hasVersion(store, { tenant, name, digest }))) throw notFound(reference);
  return digest;
}

async function hasVersion(
  store: Store,
  version: { tenant: string; name: string; digest: string },
): Promise<boolean> {
  return (await store.get(`${versionFolder(version)}/manifest.json`)) !== undefined;
}

/** A version whose every byte agrees with its digest. */
export async function loadVersion(
  store: Store,
  tenant: string,
  name: string,
  digest: string,
  /** `onManifest`: told of the manifest, which may be there before the rest. */
  { onManifest }: { onManifest?: ((manifest: AdapterManifest) => void) | undefined } = {},
): Promise<AdapterVersion> {
  const folder = versionFolder({ tenant, name, digest });
  const file = 'adapter.safetensors';
  const reading = store.get(`${folder}/${file}`);
  // Its failure counts once the manifest is there.
  reading.catch(() => {});
  const manifest = await readManifest(store, { tenant, name, digest });
  onManifest?.(manifest);
  const found = await reading;
  if (!found)
    throw new VeneerError('invalid_artifact', `${name}@sha256:${digest}: ${file} is missing: push it again`);
  checkFile(`${name}@sha256:${digest}: ${file}`, found.bytes, manifest.files[file]);
  return { digest, manifest, files: { [file]: found.bytes } };
}

export async function readManifest(
  store: Store,
  { tenant, name, digest }: { tenant: string; name: string; digest: string },
): Promise<AdapterManifest> {
  const found = await store.get(`${versionFolder({ tenant, name, digest })}/manifest.json`);
  if (!found) throw notFound({ name, digest });
  const what = `${name}@sha256:${digest}: manifest.json`;
  if (sha256(found.bytes) !== digest)
    throw new VeneerError('digest_mismatch', `${what} has been altered: push it again`);
  return parseDocument(AdapterManifest, found.bytes, what);
}

/**
 * One message for an unknown tenant, adapter, alias and version, so that nobody learns what another tenant has.
 * It repeats only what the asker wrote.
 */
export function notFound(reference: AdapterReference): VeneerError {
  const version = 'digest' in reference ? `sha256:${reference.digest}` : reference.alias;
  return new VeneerError(
    'not_found',
    `this tenant has no adapter ${reference.name}@${version}: list its adapters to see what there is`,
  );
}

function isConflict(error: unknown): boolean {
  return error instanceof VeneerError && error.code === 'conflict';
}
