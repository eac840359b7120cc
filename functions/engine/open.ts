/** Opens an engine for a host: a pool of one-thread workers for many requests at once, or inline for one at a time. */
import type { BaseManifest } from '../artifacts/manifests.ts';
import { batchingEngine } from './batching.ts';
import type { Engine } from './engine.ts';
import { inlineRunner } from './inline-runner.ts';
import type { EngineObserver } from './observer.ts';
import type { GraphPaths } from './runner.ts';
import { disableRuntimeTelemetry } from './telemetry.ts';
import { workerRunner } from './worker-runner.ts';

export interface EngineOptions {
  base: BaseManifest;
  graphPath: GraphPaths;
  /** Worker threads; 0 runs in the calling thread. */
  workers: number;
  observer?: EngineObserver | undefined;
}

/** Padded tokens of one run: batching gains little on a CPU core, and a long run delays what comes after it. */
const maxTokens = 256;
const maxRows = 64;
const maxWaitingRows = 4096;
/** Of a process that starts with a request waiting: one that answers more than a few has its weights packed. */
export const unpackedRuns = 32;

export function openEngine({ base, graphPath, workers, observer }: EngineOptions): Engine {
  disableRuntimeTelemetry();
  const inline = { threads: 1, ...(base.precision === 'int8' ? { unpackedRuns } : {}) };
  return batchingEngine({
    base,
    startRunner: () => (workers === 0 ? inlineRunner(graphPath, inline) : workerRunner(graphPath)),
    runners: Math.max(1, workers),
    depth: workers === 0 ? 1 : 2,
    limits: { maxTokens, maxRows },
    maxWaitingRows,
    observer,
  });
}
