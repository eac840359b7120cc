/**
 * API keys: `vn_<tenant>_<secret>`. Only the SHA-256 of the whole key is stored, as the name of its record, under its
 * tenant; the secret has 256 random bits, so neither the hash nor the timing of a look-up by hash helps to guess it. The
 * record has the hash too, compared in constant time: a record that was moved to another name opens nothing.
 */
import { randomBytes, timingSafeEqual } from 'node:crypto';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import { canonicalJson, sha256 } from './digest.ts';
import { parseDocument, parseName } from './document.ts';
import { ApiKeyRecord, type Rate } from './manifests.ts';
import { Digest, TenantName } from './names.ts';

/** A tenant name has no underscore, so the second one ends it. */
const keyText = /^vn_([a-z0-9-]+)_[A-Za-z0-9_-]{43}$/;

export interface NewKey {
  tenant: string;
  scopes: ApiKeyRecord['scopes'];
  /** Null: never. */
  expiresAt: Date | null;
  /** Left out: what the server gives to every key. */
  rate?: Rate | undefined;
}

/** `key` is shown this once and kept nowhere; `id` is what the store knows it by. */
export async function createKey(
  store: Store,
  { tenant, scopes, expiresAt, rate }: NewKey,
): Promise<{ key: string; id: string; record: ApiKeyRecord }> {
  const now = new Date();
  if (scopes.length === 0) throw new VeneerError('invalid_request', 'a key needs at least one scope');
  if (expiresAt && !(expiresAt.getTime() > now.getTime()))
    throw new VeneerError('invalid_request', 'a key must expire in the future');
  const key = `vn_${parseName(TenantName, tenant)}_${randomBytes(32).toString('base64url')}`;
  const id = sha256(key);
  const record: ApiKeyRecord = {
    tenant,
    scopes: [...new Set(scopes)],
    createdAt: now.toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    hash: id,
    ...(rate && { rate }),
  };
  await store.put(recordKey(tenant, id), canonicalJson(record), { absent: true });
  return { key, id, record };
}

/** The record of a key that is good now. Undefined for every other text, without saying why. */
export async function findKey(store: Store, key: string, now: Date): Promise<ApiKeyRecord | undefined> {
  const tenant = tenantOf(key);
  if (tenant === undefined) return undefined;
  const id = sha256(key);
  const found = await store.get(recordKey(tenant, id));
  if (!found) return undefined;
  const record = parseDocument(ApiKeyRecord, found.bytes, `key record of tenant ${tenant}`);
  if (record.tenant !== tenant || !equalDigests(record.hash ?? id, id)) return undefined;
  return record.expiresAt !== null && Date.parse(record.expiresAt) <= now.getTime() ? undefined : record;
}

/** In a time that does not tell where they differ. */
function equalDigests(a: string, b: string): boolean {
  return timingSafeEqual(Buffer.from(a, 'hex'), Buffer.from(b, 'hex'));
}

function tenantOf(key: string): string | undefined {
  return TenantName.safeParse(keyText.exec(key)?.[1]).data;
}

/** @throws VeneerError `not_found` where the tenant has no such key. */
export async function revokeKey(
  store: Store,
  { tenant, idOrKey }: { tenant: string; idOrKey: string },
): Promise<void> {
  const id = Digest.safeParse(idOrKey).success ? idOrKey : sha256(idOrKey);
  if (!(await store.get(recordKey(tenant, id))))
    throw new VeneerError('not_found', `tenant ${tenant} has no such key: list its keys to see their ids`);
  await store.delete(recordKey(tenant, id));
}

/** Oldest first. */
export async function listKeys(store: Store, tenant: string): Promise<(ApiKeyRecord & { id: string })[]> {
  const folder = keyFolder(tenant);
  const keys: (ApiKeyRecord & { id: string })[] = [];
  for await (const key of store.list(folder)) {
    const found = await store.get(key);
    const id = key.slice(folder.length).replace(/\.json$/, '');
    if (found) keys.push({ ...parseDocument(ApiKeyRecord, found.bytes, key), id });
  }
  return keys.sort((a, b) => (a.createdAt < b.createdAt ? -1 : 1));
}

function keyFolder(tenant: string): string {
  return `tenants/${parseName(TenantName, tenant)}/keys/`;
}

function recordKey(tenant: string, id: string): string {
  return `${keyFolder(tenant)}${parseName(Digest, id)}.json`;
}
