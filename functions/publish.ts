/**
 * Pushes a finished adapter, from the command line and over HTTP alike: gates first, then the version, then the alias, each
 * step leaving the store whole. The alias only moves if it is still what it was when the push began.
 */
import { checkBase } from './adapters.ts';
import { readAdapter } from './artifacts/adapter.ts';
import { readBase } from './artifacts/bases.ts';
import { sha256 } from './artifacts/digest.ts';
import type { AdapterManifest } from './artifacts/manifests.ts';
import { matchingFiles, publishVersion, readAlias, setAlias } from './artifacts/versions.ts';
import { checkServed } from './engine/variants.ts';
import { VeneerError } from './error.ts';
import { checkGates, type Gates } from './gates.ts';
import type { Store } from './store/store.ts';

export interface FinishedAdapter {
  manifest: AdapterManifest;
  /** The manifest's bytes, whose digest is the version. */
  manifestBytes: Uint8Array;
  files: { 'adapter.safetensors': Uint8Array };
}

export interface PublishOptions extends Gates {
  tenant: string;
  name: string;
  alias: string;
  /** Digest that the alias must still point to, null for an alias that must not be there. Left out: whatever it is. */
  expect?: string | null | undefined;
}

export interface Published {
  tenant: string;
  name: string;
  digest: string;
  alias: string;
  /** Whether the version was not there before. */
  created: boolean;
}

export async function publish(
  store: Store,
  adapter: FinishedAdapter,
  { tenant, name, alias, expect, ...gates }: PublishOptions,
): Promise<Published> {
  const { manifest, manifestBytes, files } = adapter;
  checkGates(manifest, gates);
  // What could not be served must not become what an alias says.
  matchingFiles(manifest, files);
  const base = await readBase(store, manifest.base.name);
  checkBase(manifest.base, base, name);
  checkServed(manifest, base);
  const digest = sha256(manifestBytes);
  readAdapter(files['adapter.safetensors'], { manifest, digest, config: base.config });

  const standing = (await readAlias(store, { tenant, name, alias })) ?? null;
  const now = standing?.alias.digest ?? null;
  if (expect !== undefined && expect !== now && digest !== now)
    throw new VeneerError(
      'conflict',
      `${name}@${alias} ${now === null ? 'is not there' : `points to sha256:${now}`}, not as expected: look at it and try again`,
    );
  const { created } = await publishVersion(store, { tenant, name, manifest: manifestBytes, files });
  // A push that is repeated leaves what is tried beside its version as it is.
  if (now !== digest) await setAlias(store, { tenant, name, alias, digest, expect: standing });
  return { tenant, name, digest, alias, created };
}
