/** A finished training, wherever it lies: an adapter in the store, a directory of `train`, or a PEFT directory. */
import { stat } from 'node:fs/promises';
import type { FloatTensor } from '../functions/artifacts/adapter.ts';
import { sha256 } from '../functions/artifacts/digest.ts';
import type { AdapterManifest } from '../functions/artifacts/manifests.ts';
import { parseReference } from '../functions/artifacts/names.ts';
import { loadVersion, resolveReference } from '../functions/artifacts/versions.ts';
import { VeneerError } from '../functions/error.ts';
import type { Store } from '../functions/store/store.ts';
import { readAdapterDirectory } from './adapter-directory.ts';
import { type MethodSpec, methodIn } from './methods/methods.ts';
import { dequantized } from './peft/dequantize.ts';
import { isPeftDirectory, readPeftDirectory } from './peft/read.ts';
import { isRunDirectory, type RunManifest, readRunDirectory } from './run-directory.ts';

export interface Trained {
  /** As it was asked for. */
  name: string;
  method: MethodSpec;
  manifest: AdapterManifest | RunManifest;
  /** Of the manifest: the version, where it is an adapter in the store. */
  digest: string;
  /** The method's and the head's, by parameter name. */
  tensors: ReadonlyMap<string, FloatTensor>;
  /** Where it is one of `train`: more of the run lies there. */
  directory?: string;
  /** An adapter's file as it is stored. */
  file?: Uint8Array;
}

export interface TrainedOptions {
  /** A directory or, where a tenant is given, a reference in the store. */
  adapter: string;
  tenant?: string | undefined;
  /** How a PEFT directory is read; without it there is none. */
  peft?: { base: string; cacheDir: string; log(line: string): void };
}

export async function readTrained(store: Store, options: TrainedOptions): Promise<Trained> {
  const { adapter: name, tenant, peft } = options;
  if (tenant !== undefined) {
    const reference = parseReference(name);
    const digest = await resolveReference(store, tenant, reference);
    const { manifest, files } = await loadVersion(store, tenant, reference.name, digest);
    return trainedAdapter(name, { manifest, digest, file: files['adapter.safetensors'] });
  }
  if (await isRunDirectory(name)) {
    const run = await readRunDirectory(name);
    return { name, method: run.manifest.method, directory: name, ...run };
  }
  const isDirectory = await stat(name).then(
    entry => entry.isDirectory(),
    () => false,
  );
  if (!isDirectory)
    throw new VeneerError('usage', `${name} is no directory; for an adapter in the store say --tenant too`);
  const { manifest, manifestBytes, files } =
    peft && (await isPeftDirectory(name))
      ? await readPeftDirectory(store, name, { ...peft, quantization: 'float32' }, peft.log)
      : await readAdapterDirectory(name);
  const digest = sha256(manifestBytes);
  return {
    ...trainedAdapter(name, { manifest, digest, file: files['adapter.safetensors'] }),
    directory: name,
  };
}

function trainedAdapter(
  name: string,
  { manifest, digest, file }: { manifest: AdapterManifest; digest: string; file: Uint8Array },
): Trained {
  const tensors = dequantized(file, `adapter ${digest.slice(0, 12)}`);
  return { name, method: methodIn(manifest), manifest, digest, tensors, file };
}
