/**
 * Adapters in memory: loaded on first use, once for however many wait, kept under a byte budget, least recently used out
 * first. An adapter of another base is an error, never the bare base. Everything kept here is bounded.
 */
import { type ResidentAdapter, readAdapter } from './artifacts/adapter.ts';
import { answeringDigest } from './artifacts/canary.ts';
import type { AdapterManifest, BaseManifest } from './artifacts/manifests.ts';
import { type AdapterReference, parseReference } from './artifacts/names.ts';
import {
  type AliasTarget,
  followAlias,
  loadVersion,
  notFound,
  resolveReference,
} from './artifacts/versions.ts';
import { type ErrorCode, VeneerError } from './error.ts';
import type { Store } from './store/store.ts';
import type { WantedAdapter } from './wanted.ts';

export interface AdapterStats {
  /** Requests whose adapter was in memory, and that waited for a load (their own or another's). */
  hits: number;
  misses: number;
  evictions: number;
  /** Adapters loaded, and the time that took in all. */
  loads: number;
  loadMsTotal: number;
  /** Loads that failed. */
  failures: number;
  /** What is in memory now. */
  resident: number;
  residentBytes: number;
}

export interface Prefetched {
  loaded: AdapterManifest[];
  failed: (WantedAdapter & { error: unknown })[];
}

export interface Adapters {
  /**
   * The adapter stays whole for whoever holds it: eviction takes it off the list, and its memory goes with the last
   * request that uses it.
   * @param requestKey Decides between an alias's version and its canary, the same way every time. Left out: no canary.
   * @throws VeneerError `not_found` for an adapter that is unknown, deleted, or another tenant's: the same error.
   */
  get(tenant: string, reference: string, requestKey?: string): Promise<ResidentAdapter>;
  /** Digest of the version that an alias wants compared with what answers, as far as this process knows by now. */
  shadowOf(tenant: string, reference: string): string | undefined;
  /** Loads these ahead of the requests that need them. Never rejects. */
  prefetch(wanted: readonly WantedAdapter[]): Promise<Prefetched>;
  stats(): AdapterStats;
}

export interface AdaptersOptions {
  store: Store;
  base(): Promise<BaseManifest>;
  /** Bytes of adapter tensors kept at most; the adapter used last stays even if it is larger alone. */
  budgetBytes: number;
  /** How long an alias, and that a version is there, is believed before the store is asked again. */
  aliasTtlMs: number;
  now(): number;
  /** Told of what will be loaded as soon as its manifest is there, which is before the base need be. */
  onManifest?: ((manifest: AdapterManifest) => void) | undefined;
  /** Told how long each load took. */
  onLoad?: ((ms: number) => void) | undefined;
}

/** How long a refusal is believed: a client that keeps asking for what is not there costs one look-up in this time. */
const refusalTtlMs = 1_000;
/** What is as true a moment later; anything else, such as `unavailable`, is forgotten at once. */
const refusals: ReadonlySet<ErrorCode> = new Set(['not_found', 'digest_mismatch', 'invalid_artifact']);
/** While the store cannot be reached, an alias is believed for this long past its time: old answers over none. */
const staleAliasMs = 5 * 60_000;
/** After a failed look-up of such an alias, this long passes before the next. */
const staleRetryMs = 1_000;
const maxReferences = 100_000;
const maxRefusals = 10_000;
const prefetchAtOnce = 8;

/** What a reference means: a version; of an alias also what is tried beside it, and the etag that says so. */
type Meaning = Omit<AliasTarget, 'etag'> & Partial<AliasTarget>;

interface KnownReference {
  meaning: Meaning;
  until: number;
  staleUntil: number;
}

/** The tenant is part of it: a reference alone must not open another tenant's adapter. */
function keyOf(tenant: string, reference: AdapterReference): string {
  const version = 'digest' in reference ? `sha256:${reference.digest}` : reference.alias;
  return `${tenant}/${reference.name}@${version}`;
}

export function openAdapters({
  store,
  base,
  budgetBytes,
  aliasTtlMs,
  now,
  onManifest,
  onLoad,
}: AdaptersOptions): Adapters {
  const resident = new Map<string, ResidentAdapter>();
  const references = new Map<string, KnownReference>();
  const counts = { hits: 0, misses: 0, evictions: 0, loads: 0, loadMsTotal: 0, failures: 0 };
  let residentBytes = 0;
  const resolveOnce = singleFlight<Meaning>(now);
  const loadOnce = singleFlight<ResidentAdapter>(now);

  const ask = async (tenant: string, reference: AdapterReference, known?: Meaning): Promise<Meaning> =>
    'alias' in reference
      ? followAlias(store, { tenant, ...reference, known: known as AliasTarget | undefined })
      : { digest: await resolveReference(store, tenant, reference) };

  const meaningOf = async (tenant: string, reference: AdapterReference): Promise<Meaning> => {
    const key = keyOf(tenant, reference);
    const known = references.get(key);
    if (known && now() < known.until) return known.meaning;
    return resolveOnce(key, async () => {
      try {
        const meaning = await ask(tenant, reference, known?.meaning);
        const until = now() + aliasTtlMs;
        putBounded(references, {
          key,
          value: { meaning, until, staleUntil: until + staleAliasMs },
          max: maxReferences,
        });
        return meaning;
      } catch (error) {
        const unreachable = error instanceof VeneerError && error.code === 'unavailable';
        if (!known || !unreachable) references.delete(key);
        else if (now() < known.staleUntil) {
          known.until = now() + staleRetryMs;
          return known.meaning;
        }
        throw error;
      }
    });
  };

  const load = async (tenant: string, name: string, digest: string): Promise<ResidentAdapter> => {
    const [{ manifest, files }, baseManifest] = await Promise.all([
      loadVersion(store, tenant, name, digest, { onManifest }),
      base(),
    ]);
    checkBase(manifest.base, baseManifest, name);
    const file = files['adapter.safetensors']!;
    return readAdapter(file, { manifest, digest, config: baseManifest.config });
  };

  const keep = (key: string, adapter: ResidentAdapter) => {
    resident.set(key, adapter);
    residentBytes += adapter.bytes;
    for (const [oldest, { bytes }] of resident) {
      if (residentBytes <= budgetBytes || oldest === key) break;
      resident.delete(oldest);
      residentBytes -= bytes;
      counts.evictions++;
    }
  };

  const get = async (tenant: string, text: string, requestKey?: string): Promise<ResidentAdapter> => {
    const reference = parseReference(text);
    const { name } = reference;
    const digest = answeringDigest(await meaningOf(tenant, reference), name, requestKey);
    // The tenant and name are part of the key: a digest alone must not open another tenant's adapter.
    const key = `${tenant}/${name}/${digest}`;
    const hit = resident.get(key);
    if (hit) {
      counts.hits++;
      resident.delete(key);
      resident.set(key, hit);
      return hit;
    }
    counts.misses++;
    return loadOnce(key, async () => {
      const started = now();
      try {
        const adapter = await load(tenant, name, digest);
        counts.loads++;
        counts.loadMsTotal += now() - started;
        onLoad?.(now() - started);
        keep(key, adapter);
        return adapter;
      } catch (error) {
        counts.failures++;
        throw error;
      }
    }).catch(error => {
      // Deleted after the alias was read: told as if it had never been there.
      throw error instanceof VeneerError && error.code === 'not_found' ? notFound(reference) : error;
    });
  };

  return {
    get,
    shadowOf: (tenant, text) => references.get(keyOf(tenant, parseReference(text)))?.meaning.shadow,
    async prefetch(wanted) {
      const { loaded, failed }: Prefetched = { loaded: [], failed: [] };
      const waiting = wanted.values();
      const lane = async () => {
        for (const { tenant, reference } of waiting)
          await get(tenant, reference).then(
            ({ manifest }) => loaded.push(manifest),
            error => failed.push({ tenant, reference, error }),
          );
      };
      await Promise.all(Array.from({ length: prefetchAtOnce }, lane));
      return { loaded, failed };
    },
    stats: () => ({ ...counts, resident: resident.size, residentBytes }),
  };
}

/** Work that runs once for however many ask for its key meanwhile. A refusal answers those who come a little later, too. */
function singleFlight<T>(now: () => number) {
  const running = new Map<string, Promise<T>>();
  const refused = new Map<string, { error: VeneerError; until: number }>();
  return (key: string, work: () => Promise<T>): Promise<T> => {
    const refusal = refused.get(key);
    if (refusal && now() < refusal.until) return Promise.reject(refusal.error);
    refused.delete(key);
    const underWay = running.get(key);
    if (underWay) return underWay;
    const attempt = work()
      .catch(error => {
        if (error instanceof VeneerError && refusals.has(error.code))
          putBounded(refused, { key, value: { error, until: now() + refusalTtlMs }, max: maxRefusals });
        throw error;
      })
      .finally(() => running.delete(key));
    running.set(key, attempt);
    return attempt;
  };
}

/** The entry put last leaves last. */
function putBounded<T>(
  map: Map<string, T>,
  { key, value, max }: { key: string; value: T; max: number },
): void {
  map.delete(key);
  map.set(key, value);
  if (map.size > max) map.delete(map.keys().next().value!);
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
