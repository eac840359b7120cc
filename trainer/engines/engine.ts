/**
 * The engine seam of training: runs a graph over host tensors. Implementations: onnx.ts (onnxruntime in a worker thread)
 * and tfjs.ts (TensorFlow.js, hosted by tfjs-process.ts); both pass test/engines/ops.test.ts.
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
 * `run` rejects with EngineDied where trying again on a freshly compiled program makes sense, with EngineOutOfMemory where
 * fewer rows may fit.
 */
export interface Program {
  run(inputs: Readonly<Record<string, HostTensor>>): Promise<Record<string, HostTensor>>;
  close(): Promise<void>;
}

/** Whoever ran the program is gone (killed, out of memory), and its answer with it; compiling again may help. */
export class EngineDied extends Error {
  override name = 'EngineDied';
}

/** The device has too little memory for the batch. */
export class EngineOutOfMemory extends Error {
  override name = 'EngineOutOfMemory';
  /** Of the batch. */
  readonly rows: number;
  /** The most that would fit, 0 where not one would. */
  readonly fitting: number;

  constructor({ rows, fitting, cause }: { rows: number; fitting: number; cause?: unknown }) {
    super(`out of device memory at ${rows} rows`, { cause });
    this.rows = rows;
    this.fitting = fitting;
  }
}

export interface Engine {
  readonly name: string;
  compile(source: ProgramSource): Promise<Program>;
}
