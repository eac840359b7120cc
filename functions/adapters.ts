/**
 * Adapters in memory: loaded on first use, once for however many wait, kept under a byte budget, least recently used out
 * first. A failed load is forgotten. An adapter of another base is an error, never the bare base.
 */
import { type ResidentAdapter, readAdapter } from './artifacts/adapter.ts';
import type { BaseManifest } from './artifacts/manifests.ts';
import { type AdapterReference, parseReference } from './artifacts/names.ts';
import { loadVersion, resolveReference } from './artifacts/versions.ts';
import { VeneerError } from './error.ts';
import type { Store } from './store/store.ts';

export interface Adapters {
  /** @throws VeneerError `not_found` for an adapter that is unknown, or another tenant's: the same error. */
  get(tenant: string, reference: string): Promise<ResidentAdapter>;
}

export interface AdaptersOptions {
  store: Store;
  base(): Promise<BaseManifest>;
  /** Bytes of adapter tensors kept at most. */
  budgetBytes: number;
  /** How long an alias is believed before the store is asked again. */
  aliasTtlMs: number;
  now(): number;
}

export function openAdapters({ store, base, budgetBytes, aliasTtlMs, now }: AdaptersOptions): Adapters {
  const resident = new Map<string, ResidentAdapter>();
  const loading = new Map<string, Promise<ResidentAdapter>>();
  const aliases = new Map<string, { digest: string; until: number }>();
  let bytes = 0;

  const digestOf = async (tenant: string, reference: AdapterReference): Promise<string> => {
    if ('digest' in reference) return reference.digest;
    const key = `${tenant}/${reference.name}@${reference.alias}`;
    const known = aliases.get(key);
    if (known && now() < known.until) return known.digest;
    aliases.delete(key);
    const digest = await resolveReference(store, tenant, reference);
    aliases.set(key, { digest, until: now() + aliasTtlMs });
    return digest;
  };

  const load = async (
    tenant: string,
    name: string,
    digest: string,
    key: string,
  ): Promise<ResidentAdapter> => {
    const [{ manifest, files }, baseManifest] = await Promise.all([
      loadVersion(store, tenant, name, digest),
      base(),
    ]);
    checkBase(manifest.base, baseManifest, name);
    const adapter = readAdapter(files['adapter.safetensors']!, {
      manifest,
      digest,
      config: baseManifest.config,
    });
    resident.set(key, adapter);
    bytes += adapter.bytes;
    for (const [oldest, { bytes: size }] of resident) {
      if (bytes <= budgetBytes || oldest === key) break;
      resident.delete(oldest);
      bytes -= size;
    }
    return adapter;
  };

  return {
    async get(tenant, text) {
      const reference = parseReference(text);
      const digest = await digestOf(tenant, reference);
      // The tenant and name are part of the key: a digest alone must not open another tenant's adapter.
      const key = `${tenant}/${reference.name}/${digest}`;
      const hit = resident.get(key);
      if (hit) {
        resident.delete(key);
        resident.set(key, hit);
        return hit;
      }
      let pending = loading.get(key);
      if (!pending) {
        pending = load(tenant, reference.name, digest, key).finally(() => loading.delete(key));
        loading.set(key, pending);
      }
      return pending;
    },
  };
}

/** @throws VeneerError `digest_mismatch` naming both sides where an adapter was trained on another base or tokenizer. */
export function checkBase(
  wanted: { name: string; digest: string; tokenizer: string },
  base: BaseManifest,
  adapter: string,
): void {
  const trainedOn = `adapter ${adapter} was trained on base ${wanted.name}`;
  if (wanted.digest !== base.digest)
    throw new VeneerError(
      'digest_mismatch',
      `${trainedOn} (digest ${wanted.digest.slice(0, 12)}), but ${base.name} (digest ${base.digest.slice(0, 12)}) is loaded`,
    );
  if (wanted.tokenizer !== base.tokenizer.source.sha256)
    throw new VeneerError(
      'digest_mismatch',
      `${trainedOn} with tokenizer ${wanted.tokenizer.slice(0, 12)}, but ${base.name} has ${base.tokenizer.source.sha256.slice(0, 12)}`,
    );
}
