/**
 * The diagonal empirical Fisher information of a finished run: the mean over training rows of the squared gradient of a row's
 * own log-likelihood, without dropout, class weights and label smoothing. Kept beside the adapter as fisher.safetensors.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../functions/artifacts/digest.ts';
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import {
  float32,
  readMetadata,
  readSafetensors,
  writeSafetensors,
} from '../../functions/artifacts/safetensors.ts';
import { VeneerError } from '../../functions/error.ts';
import { stepInputs, type TrainingRow } from '../batches.ts';
import type { Program } from '../engines/engine.ts';
import type { HeadSpec } from '../heads.ts';
import { type Layout, parameterInputs, placeBlock, views } from '../parameters.ts';
import { gradientName } from '../step.ts';
import { lossUnits } from '../targets.ts';

export const fisherFile = 'fisher.safetensors';
const metadata = { format: 'veneer-fisher', formatVersion: '1' };

/** More rows than this are sampled, evenly over the run's own order. */
const maxRows = 1024;

interface FisherArguments {
  /** A step without dropout and R-Drop. */
  program: Program;
  layout: Layout;
  values: Float32Array;
  rows: readonly TrainingRow[];
  config: EncoderConfig;
  head: HeadSpec;
  onProgress?(done: number, total: number): void;
}

export async function measureFisher(args: FisherArguments): Promise<Float32Array> {
  const { program, layout, values, rows, config, onProgress } = args;
  const head = { ...args.head, weighting: { labelSmoothing: 0 } };
  const count = Math.min(rows.length, maxRows);
  const parameters = parameterInputs(layout, values);
  const sums = new Float64Array(layout.size);
  for (let i = 0; i < count; i++) {
    const row = [rows[Math.floor((i * rows.length) / count)]!];
    const units = lossUnits(row, head) || 1;
    const output = await program.run({ ...stepInputs(row, { config, head, units }), ...parameters });
    for (const { name, offset } of layout.parameters) {
      const part = output[gradientName(name)]!.data;
      for (let j = 0; j < part.length; j++) sums[offset + j]! += part[j]! ** 2;
    }
    onProgress?.(i + 1, count);
  }
  return Float32Array.from(sums, sum => sum / count);
}

export function writeFisher(layout: Layout, fisher: Float32Array): Uint8Array {
  const parts = views(layout, fisher);
  return writeSafetensors(
    layout.parameters.map(({ name, shape }) => {
      const { buffer, byteOffset, byteLength } = parts.get(name)!;
      return [
        name,
        { dtype: 'F32', shape: [...shape], data: new Uint8Array(buffer, byteOffset, byteLength) },
      ];
    }),
    metadata,
  );
}

/**
 * The Fisher of a run that is gone on from, with zeros for parameters that are new.
 * @throws VeneerError where the directory has none, or one of another adapter.
 */
export async function readFisher(
  directory: string,
  layout: Layout,
): Promise<{ fisher: Float32Array; digest: string }> {
  const path = join(directory, fisherFile);
  const bytes = await readFile(path).catch(cause => {
    throw new VeneerError(
      'not_found',
      `${path} is missing: train ${directory} with --ewc (0 measures only)`,
      { cause },
    );
  });
  const { format, formatVersion } = readMetadata(bytes, path);
  if (format !== metadata.format || formatVersion !== metadata.formatVersion)
    throw new VeneerError(
      'invalid_artifact',
      `${path}: not a Fisher of format version ${metadata.formatVersion}`,
    );
  const fisher = new Float32Array(layout.size);
  const parts = views(layout, fisher);
  const placed = new Map(layout.parameters.map(parameter => [parameter.name, parameter]));
  for (const [name, tensor] of readSafetensors(bytes, path)) {
    const parameter = placed.get(name);
    if (!parameter || !placeBlock(parts.get(name)!, parameter.shape, { ...tensor, data: float32(tensor) }))
      throw new VeneerError('invalid_artifact', `${path}: tensor ${name} does not fit this run`);
  }
  return { fisher, digest: sha256(bytes) };
}
