/** What a tenant has in the store: its adapters by name, and one adapter with its versions and aliases. */
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import { adapterFolder, readAdapterKey } from './adapter-keys.ts';
import type { AdapterManifest, Alias } from './manifests.ts';
import { notFound, readAlias, readManifest } from './versions.ts';

/** Adapters that have at least one version, by name. Reads keys only. */
export async function listAdapters(
  store: Store,
  tenant: string,
): Promise<{ name: string; versions: number; aliases: string[] }[]> {
  const folder = adapterFolder(tenant);
  const adapters = new Map<string, { name: string; versions: number; aliases: string[] }>();
  for await (const key of store.list(`${folder}/`)) {
    const [name = ''] = key.slice(folder.length + 1).split('/');
    const adapter = adapters.get(name) ?? { name, versions: 0, aliases: [] };
    adapters.set(name, adapter);
    const entry = readAdapterKey(key, `${folder}/${name}`);
    if (entry?.kind === 'manifest') adapter.versions++;
    if (entry?.kind === 'alias') adapter.aliases.push(entry.alias);
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

/** @throws VeneerError `not_found` where there is no version. */
export async function describeAdapter(
  store: Store,
  tenant: string,
  name: string,
): Promise<AdapterDescription> {
  const folder = adapterFolder(tenant, name);
  const digests: string[] = [];
  const aliasNames: string[] = [];
  for await (const key of store.list(`${folder}/`)) {
    const entry = readAdapterKey(key, folder);
    if (entry?.kind === 'manifest') digests.push(entry.digest);
    if (entry?.kind === 'alias') aliasNames.push(entry.alias);
  }
  const found = await Promise.all(
    digests.map(async digest => {
      const manifest = await readManifest(store, { tenant, name, digest }).catch(goneMeanwhile);
      if (!manifest) return [];
      const { task, problem, labels, base, metrics } = manifest;
      return [{ digest, task, problem, labels, base, metrics }];
    }),
  );
  const versions = found.flat();
  if (versions.length === 0) throw notFound({ name, alias: 'live' });
  const aliases: Record<string, Alias> = {};
  for (const alias of aliasNames) {
    const standing = await readAlias(store, { tenant, name, alias });
    if (standing) aliases[alias] = standing.alias;
  }
  return { name, versions, aliases };
}

/** A version may be deleted after its key was listed. */
function goneMeanwhile(error: unknown): undefined {
  if (!(error instanceof VeneerError && error.code === 'not_found')) throw error;
}
