/**
 * The base as training computes with it. `fp32`: its float32 weights. `int8`: the weights, and the rounding of activations,
 * that it is served with, so that training logits are served logits. `int4`: weights of four bits, to save memory.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { baseFile } from '../../functions/artifacts/bases.ts';
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import { float32, readSafetensors } from '../../functions/artifacts/safetensors.ts';
import { saturates } from '../../functions/engine/cpu.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import { makeDirectory, replaceFile } from '../adapter-directory.ts';
import type { WeightsFile } from '../engines/engine.ts';
import { frozenSeams } from '../methods/frozen.ts';
import type { FrozenSeams } from '../methods/method.ts';
import { readWeightsFile } from '../weights.ts';
import { int4, type Precision, precisions } from './precision.ts';
import { servedLinear } from './served-linear.ts';
import { storedWeights } from './stored-weights.ts';

export const trainingPrecisions = ['fp32', 'int8', 'int4'] as const;
/** `bf16` is about products alone, which the engine computes: the base is that of `fp32`. */
export type TrainingPrecision = (typeof trainingPrecisions)[number] | 'bf16';

export function roundsBase(precision: TrainingPrecision): boolean {
  return precision === 'int8' || precision === 'int4';
}

export interface FrozenBase {
  weights: WeightsFile;
  seams: FrozenSeams;
}

interface FrozenBaseOptions {
  store: Store;
  manifest: BaseManifest;
  precision: TrainingPrecision;
  cacheDir: string;
}

/** @throws VeneerError `usage` where the base is not served in int8 and training is to compute as serving does. */
export async function openFrozenBase({
  store,
  manifest,
  precision,
  cacheDir,
}: FrozenBaseOptions): Promise<FrozenBase> {
  const { name, config } = manifest;
  const exact = await baseFile(store, name, manifest.trainingWeights, cacheDir);
  if (!roundsBase(precision)) return { weights: await readWeightsFile(exact), seams: frozenSeams(config) };
  if (precision === 'int4')
    return {
      weights: await readWeightsFile(await fourBitFile(manifest, exact, cacheDir)),
      seams: roundedSeams(manifest, int4.full),
    };
  if (manifest.precision !== 'int8')
    throw new VeneerError(
      'usage',
      `--precision int8 trains on what is served, and base ${name} is served in ${manifest.precision}: build one with pull-base --precision int8`,
    );
  const { full, narrow } = precisions.int8;
  return {
    weights: await readWeightsFile(await baseFile(store, name, manifest.weights, cacheDir)),
    seams: roundedSeams(manifest, saturates() ? narrow! : full),
  };
}

function roundedSeams({ config }: Pick<BaseManifest, 'config'>, precision: Precision): FrozenSeams {
  const linear = servedLinear(config, precision);
  return {
    rounded: true,
    lookup: precision.lookup,
    project: ({ modules, ...site }) => modules.map(module => linear({ ...site, module })),
  };
}

/** Made of the float32 weights where the cache does not have it. */
async function fourBitFile(
  { config, trainingWeights }: BaseManifest,
  exact: string,
  cacheDir: string,
): Promise<string> {
  const path = join(cacheDir, `${trainingWeights.sha256}.int4`);
  const isKnown = await stat(path).then(
    () => true,
    () => false,
  );
  if (isKnown) return path;
  const tensors = new Map(
    Array.from(readSafetensors(await readFile(exact), exact), ([name, tensor]) => [
      name,
      { shape: tensor.shape, data: float32(tensor) },
    ]),
  );
  await makeDirectory(cacheDir);
  await replaceFile(path, storedWeights(tensors, config, int4));
  return path;
}
