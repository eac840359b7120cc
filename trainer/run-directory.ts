/**
 * What `train` leaves of a method that is not served: run.json and the float32 parameters. It can be evaluated, gone on
 * from and exported, not pushed.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import * as z from 'zod/mini';
import type { FloatTensor } from '../functions/artifacts/adapter.ts';
import { sha256 } from '../functions/artifacts/digest.ts';
import { parseDocument } from '../functions/artifacts/document.ts';
import { AdapterFields } from '../functions/artifacts/manifests.ts';
import { float32, readSafetensors } from '../functions/artifacts/safetensors.ts';
import { VeneerError } from '../functions/error.ts';
import { Cloze } from './few-shot/cloze.ts';
import { MethodSpec, methodOf } from './methods/methods.ts';

export const runFiles = { manifest: 'run.json', parameters: 'parameters.safetensors' } as const;

const { 'adapter.safetensors': FileRef } = AdapterFields.shape.files.shape;

/** An adapter's manifest but for what belongs to LoRA and to serving. */
export const RunManifest = z.extend(
  z.omit(AdapterFields, {
    ...{ lora: true, ia3: true, prompt: true, prefix: true, quantization: true, files: true },
  }),
  { method: MethodSpec, cloze: z.optional(Cloze), files: z.object({ [runFiles.parameters]: FileRef }) },
);
export type RunManifest = z.infer<typeof RunManifest>;

export interface RunDirectory {
  manifest: RunManifest;
  digest: string;
  /** The method's and the head's, by parameter name. */
  tensors: Map<string, FloatTensor>;
}

export function isRunDirectory(directory: string): Promise<boolean> {
  return stat(join(directory, runFiles.manifest)).then(
    entry => entry.isFile(),
    () => false,
  );
}

/** @throws VeneerError where run.json or the parameters are not what the other says. */
export async function readRunDirectory(directory: string): Promise<RunDirectory> {
  const read = (name: string) =>
    readFile(join(directory, name)).catch(() => {
      throw new VeneerError('not_found', `${join(directory, name)} is missing`);
    });
  const bytes = await read(runFiles.manifest);
  const manifest = parseDocument(RunManifest, bytes, join(directory, runFiles.manifest));
  const file = await read(runFiles.parameters);
  const path = join(directory, runFiles.parameters);
  if (sha256(file) !== manifest.files[runFiles.parameters].sha256)
    throw new VeneerError('digest_mismatch', `${path} is not the file that run.json names: train it again`);
  const tensors = new Map(
    [...readSafetensors(file, path)].map(([name, tensor]) => [
      name,
      { shape: tensor.shape, data: float32(tensor) },
    ]),
  );
  return { manifest, digest: sha256(bytes), tensors };
}

/** Why a directory with run.json is no adapter. */
export async function unserved(directory: string): Promise<VeneerError> {
  const { manifest } = await readRunDirectory(directory);
  const { name } = manifest.method;
  if (manifest.cloze)
    return new VeneerError(
      'invalid_artifact',
      `${directory} was trained by --verbalizer, whose head reads the place of a mask, which serving does not: no adapter comes of it; train without --verbalizer for one`,
    );
  return new VeneerError(
    'invalid_artifact',
    `${directory} was trained by --method ${name}, which ${methodOf(manifest.method).unserved}: no adapter comes of it; npx trainer export ${directory} --format onnx --out DIR writes it as a model by itself`,
  );
}
