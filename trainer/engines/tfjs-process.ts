/**
 * The tfjs engine in a process of its own, on TensorFlow's library: the event loop stays free, TensorFlow gets the
 * environment it needs, and what it did not survive is told as EngineDied or EngineOutOfMemory.
 */
import { packageFile } from '../../functions/package-file.ts';
import { type Engine, EngineOutOfMemory, type Program, type ProgramSource } from './engine.ts';
import { conversationWith, type Host, processHost } from './host.ts';
import { bindSymbols, planOf, rowsThatFit } from './plan.ts';
import { isOutOfMemory } from './tensorflow.ts';
import type { ProductPrecision } from './tfjs.ts';
import type { TfjsPackage } from './tfjs-package.ts';
import type { TfjsWorkerOptions } from './tfjs-worker.ts';

export interface TfjsProcessOptions {
  package: TfjsPackage;
  precision: ProductPrecision;
  /** Of operations on the CPU. */
  threads: number;
  /** Of the GPU, before anything is on it; undefined where it computes on the CPU. */
  freeBytes: number | undefined;
  /** A process where left out. */
  openHost?: (env: Record<string, string>) => Host;
}

/** Share of free memory that tensors may take: the rest is for workspaces, temporaries and fragments. */
const usableShare = 0.8;

/** Before TensorFlow has read its log level it logs what it likes. */
const chatter = /^WARNING: All log messages before absl|^[IW]\d{4} |^\d{4}-\d\d-\d\d .*: [IW] /;

const workerUrl = packageFile('dist/trainer/engines/tfjs-worker.js');

function environment({ threads }: TfjsProcessOptions): Record<string, string> {
  return {
    TF_CPP_MIN_LOG_LEVEL: '2',
    // Another program, to score with, shares the device.
    TF_FORCE_GPU_ALLOW_GROWTH: 'true',
    TF_NUM_INTRAOP_THREADS: String(threads),
    // glibc would give large tensors back to the system after every op, and fault their pages in again at the next.
    MALLOC_MMAP_THRESHOLD_: '4294967296',
    MALLOC_TRIM_THRESHOLD_: '1073741824',
    MALLOC_TOP_PAD_: '67108864',
  };
}

async function compile({ outputs, weights }: ProgramSource, options: TfjsProcessOptions): Promise<Program> {
  const {
    package: found,
    precision,
    freeBytes,
    openHost = env => processHost(workerUrl, { env, chatter }),
  } = options;
  const plan = planOf(outputs);
  const host = openHost(environment(options));
  const ask = conversationWith(host, 'TensorFlow');
  try {
    const needsGpu = freeBytes !== undefined;
    await ask({ ...found, needsGpu, plan, weights, precision } satisfies TfjsWorkerOptions);
  } catch (error) {
    host.close();
    throw error;
  }
  return {
    async run(inputs) {
      try {
        return ((await ask(inputs)) as { outputs: Awaited<ReturnType<Program['run']>> }).outputs;
      } catch (error) {
        if (!isOutOfMemory((error as Error).message)) throw error;
        const symbols = bindSymbols(plan, inputs);
        const rows = symbols.get('B') ?? 1;
        const fitting =
          freeBytes === undefined ? rows >> 1 : rowsThatFit(plan, symbols, usableShare * freeBytes);
        throw new EngineOutOfMemory({ rows, fitting, cause: error });
      }
    },
    close: async () => host.close(),
  };
}

export function tfjsProcessEngine(options: TfjsProcessOptions): Engine {
  return { name: 'tfjs', compile: source => compile(source, options) };
}
