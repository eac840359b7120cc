/** How engines tell that a device has no memory left, and what would have fitted. */
import type { Value } from '../graph/value.ts';
import { EngineOutOfMemory, type HostTensor } from './engine.ts';
import { bindSymbols, planOf, rowsThatFit } from './plan.ts';

/** Share of free memory that tensors may take: the rest is for workspaces, temporaries and fragments. */
const usableShare = 0.8;

/** In the words of TensorFlow, of CUDA and of onnxruntime's arena. */
export function isOutOfMemory({ message }: Error): boolean {
  return /\bOOM\b|out of memory|RESOURCE_EXHAUSTED|ResourceExhausted|failed to allocate/i.test(message);
}

export interface FailedRun {
  outputs: Readonly<Record<string, Value>>;
  inputs: Readonly<Record<string, HostTensor>>;
  /** Of the device, before anything was on it; undefined where nobody counts, as in the system's own memory. */
  freeBytes: number | undefined;
}

/** What a run rejects with that failed with `error`: that error, or the rows that would have fitted. */
export function orOutOfMemory(error: Error, { outputs, inputs, freeBytes }: FailedRun): Error {
  if (!isOutOfMemory(error)) return error;
  const plan = planOf(outputs);
  const symbols = bindSymbols(plan, inputs);
  const rows = symbols.get('B') ?? 1;
  const fitting = freeBytes === undefined ? rows >> 1 : rowsThatFit(plan, symbols, usableShare * freeBytes);
  return new EngineOutOfMemory({ rows, fitting, cause: error });
}
