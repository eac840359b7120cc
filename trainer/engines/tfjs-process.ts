/**
 * The tfjs engine in a process of its own, on TensorFlow's library: the event loop stays free, TensorFlow gets the
 * environment it needs, and what it did not survive is told as EngineDied or EngineOutOfMemory.
 */
import { VeneerError } from '../../functions/error.ts';
import { packageFile } from '../../functions/package-file.ts';
import type { Engine, Program, ProgramSource } from './engine.ts';
import { conversationWith, type Host, processHost, type Ran } from './host.ts';
import { isOutOfMemory, orOutOfMemory } from './out-of-memory.ts';
import { planOf } from './plan.ts';
import type { Spent } from './spent.ts';
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
  /** Told after every run. */
  onSpent?: ((spent: Spent) => void) | undefined;
  /** A process where left out. */
  openHost?: (env: Record<string, string>) => Host;
}

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
    onSpent,
    openHost = env => processHost(workerUrl, { env, chatter }),
  } = options;
  const plan = planOf(outputs);
  const host = openHost(environment(options));
  const ask = conversationWith(host, 'TensorFlow');
  const [needsGpu, isTimed] = [freeBytes !== undefined, onSpent !== undefined];
  try {
    await ask({ ...found, needsGpu, plan, weights, precision, isTimed } satisfies TfjsWorkerOptions);
  } catch (error) {
    host.close();
    throw openingFault(error as Error, found);
  }
  return {
    async run(inputs) {
      const answer = await ask(inputs).catch(error => {
        throw orOutOfMemory(error, { outputs, inputs, freeBytes });
      });
      const { outputs: results, spent } = answer as Ran;
      if (spent) onSpent?.(spent);
      return results;
    },
    close: async () => host.close(),
  };
}

function openingFault(error: Error, { name }: TfjsPackage): VeneerError {
  const [line] = error.message.split('\n');
  const advice = isOutOfMemory(error)
    ? 'the base does not fit into the memory that is free; end what else runs on the device (nvidia-smi tells), or use --engine onnx'
    : '`trainer doctor` tells what is there, `trainer setup-gpu --force` builds it again, --engine onnx does without it';
  return new VeneerError('unavailable', `${name} cannot be used (${line}): ${advice}`, { cause: error });
}

export function tfjsProcessEngine(options: TfjsProcessOptions): Engine {
  return { name: 'tfjs', compile: source => compile(source, options) };
}
