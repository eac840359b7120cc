/**
 * The engine seam of training: runs a graph over host tensors. Implementations: onnx.ts (onnxruntime in a worker thread)
 * and tfjs.ts (TensorFlow.js); both pass test/engines/engine.cases.ts.
 */
import type { DType } from '../graph/ops.ts';
import type { Value } from '../graph/value.ts';

export interface HostTensor {
  dtype: DType;
  shape: readonly number[];
  data: Float32Array | Int32Array | Int8Array | Uint8Array;
}

/** Frozen tensors on disk: little-endian, at these byte offsets of one file. */
export interface WeightsFile {
  path: string;
  tensors: ReadonlyMap<string, { offset: number; bytes: number; dtype: string }>;
}

export interface ProgramSource {
  outputs: Readonly<Record<string, Value>>;
  weights?: WeightsFile;
}

/**
 * A compiled graph. Runs are one at a time: `run` must have settled before the next call.
 * `run` rejects with EngineDied where trying again on a freshly compiled program makes sense.
 */
export interface Program {
  run(inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>>;
  close(): Promise<void>;
}

/** Whoever ran the program is gone (killed, out of memory), and its answer with it; compiling again may help. */
export class EngineDied extends Error {
  override name = 'EngineDied';
}

export interface Engine {
  readonly name: string;
  compile(source: ProgramSource): Promise<Program>;
}
