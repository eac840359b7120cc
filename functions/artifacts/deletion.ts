/**
 * Deleting an adapter, and collecting what that leaves. Aliases go first, then manifests, so that at any moment an adapter
 * is found whole, found without names, or not at all: deleting it again ends what was interrupted. The files stay behind,
 * out of reach, for requests that are loading them; `collectOrphans` removes them later.
 */
import type { Store } from '../store/store.ts';
import { adapterFolder, readAdapterKey } from './adapter-keys.ts';
import { notFound } from './versions.ts';

export interface DeletedAdapter {
  /** Digests of the versions that are gone. */
  versions: string[];
  aliases: string[];
}

/** @throws VeneerError `not_found`, of an adapter that was deleted as of one that never was. */
export async function deleteAdapter(store: Store, tenant: string, name: string): Promise<DeletedAdapter> {
  const folder = adapterFolder(tenant, name);
  const manifests: { digest: string; key: string }[] = [];
  const aliases: { alias: string; key: string }[] = [];
  for await (const key of store.list(`${folder}/`)) {
    const entry = readAdapterKey(key, folder);
    if (entry?.kind === 'manifest') manifests.push(entry);
    if (entry?.kind === 'alias') aliases.push(entry);
  }
  for (const { key } of [...aliases, ...manifests]) await store.delete(key);
  if (manifests.length === 0) throw notFound({ name, alias: 'live' });
  return { versions: manifests.map(({ digest }) => digest), aliases: aliases.map(({ alias }) => alias) };
}

/**
 * Removes files of versions that have no manifest, and returns their keys. Safe beside pushes: a push whose manifest comes
 * after the look for it finds its file missing or has it put back, whichever side acts last.
 */
export async function collectOrphans(
  store: Store,
  tenant: string,
  { dryRun = false }: { dryRun?: boolean } = {},
): Promise<string[]> {
  const folder = `${adapterFolder(tenant)}/`;
  const files: string[] = [];
  const owned = new Set<string>();
  for await (const key of store.list(folder)) {
    const [name = ''] = key.slice(folder.length).split('/');
    const entry = readAdapterKey(key, folder + name);
    if (entry?.kind === 'manifest') owned.add(versionOf(key));
    if (entry?.kind === 'file') files.push(key);
  }
  const removed: string[] = [];
  for (const key of files.filter(key => !owned.has(versionOf(key)))) {
    const manifestKey = `${versionOf(key)}/manifest.json`;
    const found = await store.get(key);
    if (!found || (await store.get(manifestKey))) continue;
    if (!dryRun) {
      await store.delete(key);
      if (await store.get(manifestKey)) {
        await store.put(key, found.bytes);
        continue;
      }
    }
    removed.push(key);
  }
  return removed;
}

function versionOf(key: string): string {
  return key.slice(0, key.lastIndexOf('/'));
}
