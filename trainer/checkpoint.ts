/**
 * The checkpoint file: a run's state and what run it is of, as safetensors. Tensors are `value:`, `moment1:`, `moment2:` and,
 * once something was evaluated, `best:` of each parameter, in float32; the rest is metadata.
 */
import { createHash } from 'node:crypto';
import { canonicalJson, sha256 } from '../functions/artifacts/digest.ts';
import type { Metrics } from '../functions/artifacts/manifests.ts';
import {
  float32,
  readMetadata,
  readSafetensors,
  type Tensor,
  writeSafetensors,
} from '../functions/artifacts/safetensors.ts';
import { VeneerError } from '../functions/error.ts';
import type { FitState } from './fit-state.ts';
import { type Layout, views } from './parameters.ts';

/** What a state may be resumed under: the same data, and the same options as far as they decide the result. */
export interface RunIdentity {
  /** SHA-256 of each split's file. */
  datasets: Record<string, string>;
  options: Record<string, unknown>;
}

export interface Checkpoint {
  state: FitState;
  run: RunIdentity;
}

/** What of a state is no tensor. */
interface Progress {
  step: number;
  waited: number;
  /** Of the best parameters. */
  metrics?: Metrics;
  main?: number;
}

const formatVersion = '1';

export const identityDigest = (value: object) => sha256(canonicalJson(value));

/** The flat vectors of a state, by the prefix of their tensors. */
const vectorsOf = ({ values, optimizer: { m, v }, best }: FitState): [string, Float32Array][] => [
  ['value', values],
  ['moment1', m],
  ['moment2', v],
  ...(best ? [['best', best.values] as [string, Float32Array]] : []),
];

const bytesOf = (data: Float32Array) => new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

function digestOf(vectors: readonly [string, Float32Array][]): string {
  const hash = createHash('sha256');
  for (const [, vector] of vectors) hash.update(bytesOf(vector));
  return hash.digest('hex');
}

export function writeCheckpoint(layout: Layout, { state, run }: Checkpoint): Uint8Array {
  const vectors = vectorsOf(state);
  const tensors = vectors.flatMap(([prefix, vector]) => {
    const parts = views(layout, vector);
    return layout.parameters.map(({ name, shape }) => {
      const tensor = { dtype: 'F32' as const, shape: [...shape], data: bytesOf(parts.get(name)!) };
      return [`${prefix}:${name}`, tensor] as const;
    });
  });
  const { best, waited, optimizer } = state;
  const progress: Progress = {
    step: optimizer.steps,
    waited,
    ...(best ? { metrics: best.metrics, main: best.main } : {}),
  };
  return writeSafetensors(tensors, {
    format: 'veneer-checkpoint',
    formatVersion,
    progress: JSON.stringify(progress),
    datasets: JSON.stringify(run.datasets),
    datasetsDigest: identityDigest(run.datasets),
    options: JSON.stringify(run.options),
    optionsDigest: identityDigest(run.options),
    seed: String(run.options.seed),
    sha256: digestOf(vectors),
  });
}

/** A file that was cut off or changed on its way: the one before it may be whole. */
export class DamagedCheckpoint extends VeneerError {
  constructor(message: string) {
    super('invalid_artifact', message);
  }
}

export interface OpenCheckpoint {
  run: RunIdentity;
  /** @throws VeneerError naming tensors that are missing, too many, or of another shape; DamagedCheckpoint. */
  stateOf(layout: Layout): FitState;
}

/**
 * @param what The file, for messages.
 * @throws DamagedCheckpoint, or VeneerError where it is no checkpoint of this version.
 */
export function openCheckpoint(bytes: Uint8Array, what: string): OpenCheckpoint {
  const { tensors, metadata } = readTensors(bytes, what);
  if (metadata.format !== 'veneer-checkpoint' || metadata.formatVersion !== formatVersion)
    throw new VeneerError('invalid_artifact', `${what}: not a checkpoint of format version ${formatVersion}`);
  return {
    run: { datasets: parse(metadata.datasets, what), options: parse(metadata.options, what) },
    stateOf(layout) {
      const state = readState(tensors, parse<Progress>(metadata.progress, what), { layout, what });
      if (digestOf(vectorsOf(state)) !== metadata.sha256)
        throw new DamagedCheckpoint(`${what}: its tensors are not those that were written`);
      return state;
    },
  };
}

function readState(
  tensors: ReadonlyMap<string, Tensor>,
  { step, waited, metrics, main }: Progress,
  { layout, what }: { layout: Layout; what: string },
): FitState {
  const prefixes = ['value', 'moment1', 'moment2', ...(metrics ? ['best'] : [])];
  checkNames(tensors, prefixes, { layout, what });
  const [values, m, v, best] = prefixes.map(prefix => {
    const flat = new Float32Array(layout.size);
    for (const { name, offset, shape } of layout.parameters) {
      const tensor = tensors.get(`${prefix}:${name}`)!;
      if (tensor.dtype !== 'F32' || tensor.shape.join() !== shape.join())
        throw new VeneerError(
          'invalid_artifact',
          `${what}: tensor ${prefix}:${name} is ${tensor.dtype} [${tensor.shape}], this run has F32 [${shape}]`,
        );
      flat.set(float32(tensor), offset);
    }
    return flat;
  }) as [Float32Array, Float32Array, Float32Array, Float32Array | undefined];
  return {
    values,
    optimizer: { steps: step, m, v },
    best: best && { values: best, metrics: metrics!, main: main! },
    waited,
  };
}

function readTensors(bytes: Uint8Array, what: string) {
  try {
    return { tensors: readSafetensors(bytes, what), metadata: readMetadata(bytes, what) };
  } catch (error) {
    if (!(error instanceof VeneerError)) throw error;
    throw new DamagedCheckpoint(error.message);
  }
}

function parse<T>(text: string | undefined, what: string): T {
  try {
    return JSON.parse(text ?? '');
  } catch {
    throw new DamagedCheckpoint(`${what}: its metadata is not what a checkpoint has`);
  }
}

function checkNames(
  tensors: ReadonlyMap<string, unknown>,
  prefixes: readonly string[],
  { layout, what }: { layout: Layout; what: string },
): void {
  const expected = new Set(
    prefixes.flatMap(prefix => layout.parameters.map(({ name }) => `${prefix}:${name}`)),
  );
  const missing = [...expected].filter(name => !tensors.has(name));
  const extra = [...tensors.keys()].filter(name => !expected.has(name));
  const problems = [
    ...(missing.length > 0 ? [`misses ${listed(missing)}`] : []),
    ...(extra.length > 0 ? [`has ${listed(extra)}, which this run does not`] : []),
  ];
  if (problems.length > 0)
    throw new VeneerError(
      'invalid_artifact',
      `${what}: ${problems.join(' and ')}: it is of another adapter; train anew without --resume`,
    );
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(', ');
  return `tensor${names.length > 1 ? 's' : ''} ${shown}${names.length > 3 ? ` and ${names.length - 3} more` : ''}`;
}
