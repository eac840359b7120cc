/**
 * Adapter versions and aliases in the store. A version is immutable and its manifest is written last, so a version that
 * can be found is whole. Only an alias is ever rewritten, by compare-and-swap.
 */
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import { canonicalJson, sha256 } from './digest.ts';
import { parseDocument, parseName } from './document.ts';
import { AdapterManifest, Alias } from './manifests.ts';
import { AdapterName, type AdapterReference, AliasName, Digest, TenantName } from './names.ts';

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

/** The version that an alias points to, and the etag of the alias that says so. */
export interface AliasTarget {
  digest: string;
  etag: string;
}

export interface AliasChange {
  tenant: string;
  name: string;
  alias: string;
  /** The version it shall point to. */
  digest: string;
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
    return { digest, created: true };
  } catch (error) {
    // The key carries the digest: whoever came first wrote these same bytes.
    if (isConflict(error)) return { digest, created: false };
    throw error;
  }
}

function matchingFiles(manifest: AdapterManifest, files: Record<string, Uint8Array>): [string, Uint8Array][] {
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
 * The version that an alias points to. Where `known` says what it pointed to before, it is fetched only if it has changed.
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
  const { digest } = parseDocument(Alias, found.bytes, `alias ${name}@${alias}`);
  return { digest, etag: found.etag };
}

/**
 * Points an alias at a version that exists and keeps what it pointed to before in `previous`.
 * @throws VeneerError `conflict` where someone else moved it first; the message says to what.
 */
export async function setAlias(store: Store, change: AliasChange): Promise<Alias> {
  const { tenant, name, digest } = change;
  const reference = { name, digest };
  if (!(await store.get(`${versionFolder({ tenant, name, digest })}/manifest.json`)))
    throw notFound(reference);
  const now = await readAlias(store, change);
  if (now?.alias.digest === digest) return now.alias;
  const expected = change.expect === undefined ? now : (change.expect ?? undefined);
  if (expected?.etag !== now?.etag) throw lostRace(change, now);

  const alias: Alias = { digest, previous: now?.alias.digest ?? null, updatedAt: new Date().toISOString() };
  try {
    const condition = now ? { etag: now.etag } : { absent: true as const };
    await store.put(aliasKey(tenant, name, change.alias), canonicalJson(alias), condition);
    return alias;
  } catch (error) {
    if (!isConflict(error)) throw error;
    const winner = await readAlias(store, change);
    if (winner?.alias.digest === digest) return winner.alias;
    throw lostRace(change, winner);
  }
}

function lostRace({ name, alias }: AliasChange, winner: StandingAlias | undefined): VeneerError {
  const standing = winner ? `points to sha256:${winner.alias.digest}` : 'is gone';
  return new VeneerError(
    'conflict',
    `${name}@${alias} was changed by someone else first and now ${standing}: look at it and try again`,
  );
}

/** The digest of the version that a reference means. @throws VeneerError `not_found`. */
export async function resolveReference(
  store: Store,
  tenant: string,
  reference: AdapterReference,
): Promise<string> {
  if ('digest' in reference) {
    const { name, digest } = reference;
    if (!(await store.get(`${versionFolder({ tenant, name, digest })}/manifest.json`)))
      throw notFound(reference);
    return digest;
  }
  return (await followAlias(store, { tenant, ...reference })).digest;
}

/** A version whose every byte agrees with its digest. */
export async function loadVersion(
  store: Store,
  tenant: string,
  name: string,
  digest: string,
): Promise<AdapterVersion> {
  const folder = versionFolder({ tenant, name, digest });
  const manifest = await readManifest(store, { tenant, name, digest });
  const file = 'adapter.safetensors';
  const found = await store.get(`${folder}/${file}`);
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

function adapterFolder(tenant: string, name?: string): string {
  const folder = `tenants/${parseName(TenantName, tenant)}/adapters`;
  return name === undefined ? folder : `${folder}/${parseName(AdapterName, name)}`;
}

function versionFolder({ tenant, name, digest }: { tenant: string; name: string; digest: string }): string {
  return `${adapterFolder(tenant, name)}/versions/${parseName(Digest, digest)}`;
}

function aliasKey(tenant: string, name: string, alias: string): string {
  return `${adapterFolder(tenant, name)}/aliases/${parseName(AliasName, alias)}.json`;
}

/** Adapters that have at least one version, by name. Reads keys only. */
export async function listAdapters(
  store: Store,
  tenant: string,
): Promise<{ name: string; versions: number; aliases: string[] }[]> {
  const folder = `${adapterFolder(tenant)}/`;
  const adapters = new Map<string, { name: string; versions: number; aliases: string[] }>();
  for await (const key of store.list(folder)) {
    const [name = '', kind, entry = '', file] = key.slice(folder.length).split('/');
    const adapter = adapters.get(name) ?? { name, versions: 0, aliases: [] };
    adapters.set(name, adapter);
    if (kind === 'versions' && file === 'manifest.json') adapter.versions++;
    if (kind === 'aliases') adapter.aliases.push(entry.replace(/\.json$/, ''));
  }
  return [...adapters.values()].filter(adapter => adapter.versions > 0);
}

export interface AdapterDescription {
  name: string;
  /** In the order of their digests. */
  versions: (Pick<AdapterManifest, 'task' | 'problem' | 'labels' | 'base' | 'metrics'> & {
    digest: string;
  })[];
  aliases: Record<string, Alias>;
}

export async function describeAdapter(
  store: Store,
  tenant: string,
  name: string,
): Promise<AdapterDescription> {
  const folder = `${adapterFolder(tenant, name)}/`;
  const digests: string[] = [];
  const aliasNames: string[] = [];
  for await (const key of store.list(folder)) {
    const [kind, entry = '', file] = key.slice(folder.length).split('/');
    if (kind === 'versions' && file === 'manifest.json') digests.push(entry);
    if (kind === 'aliases') aliasNames.push(entry.replace(/\.json$/, ''));
  }
  if (digests.length === 0) throw notFound({ name, alias: 'live' });
  const versions = await Promise.all(
    digests.map(async digest => {
      const { task, problem, labels, base, metrics } = await readManifest(store, { tenant, name, digest });
      return { digest, task, problem, labels, base, metrics };
    }),
  );
  const aliases: Record<string, Alias> = {};
  for (const alias of aliasNames) {
    const found = await readAlias(store, { tenant, name, alias });
    if (found) aliases[alias] = found.alias;
  }
  return { name, versions, aliases };
}
