/** Store keys of a tenant's adapters. Nothing becomes part of a key without passing its schema. */
import { parseName } from './document.ts';
import { AdapterName, AliasName, Digest, TenantName } from './names.ts';

/** The folder of all of a tenant's adapters, or of one, without a slash at its end. */
export function adapterFolder(tenant: string, name?: string): string {
  const folder = `tenants/${parseName(TenantName, tenant)}/adapters`;
  return name === undefined ? folder : `${folder}/${parseName(AdapterName, name)}`;
}

export function versionFolder({
  tenant,
  name,
  digest,
}: {
  tenant: string;
  name: string;
  digest: string;
}): string {
  return `${adapterFolder(tenant, name)}/versions/${parseName(Digest, digest)}`;
}

export function aliasKey(tenant: string, name: string, alias: string): string {
  return `${adapterFolder(tenant, name)}/aliases/${parseName(AliasName, alias)}.json`;
}

export type AdapterKey =
  | { kind: 'manifest' | 'file'; digest: string; key: string }
  | { kind: 'alias'; alias: string; key: string };

/** What lies under a key below an adapter's folder. Undefined for a key of another shape. */
export function readAdapterKey(key: string, folder: string): AdapterKey | undefined {
  const [kind, entry = '', file] = key.slice(folder.length + 1).split('/');
  if (kind === 'aliases') return { kind: 'alias', alias: entry.replace(/\.json$/, ''), key };
  if (kind !== 'versions' || file === undefined) return undefined;
  return { kind: file === 'manifest.json' ? 'manifest' : 'file', digest: entry, key };
}
