/**
 * The onnx engine: emits the graph as ONNX and runs it with onnxruntime-node outside the caller's thread: in a worker
 * thread, or, where several run side by side and one may be lost, in a process of its own.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join } from 'node:path';
import { disableRuntimeTelemetry } from '../../functions/engine/telemetry.ts';
import { packageFile } from '../../functions/package-file.ts';
import { emitOnnx } from '../graph/onnx.ts';
import type { Engine, Program, ProgramSource } from './engine.ts';
import { conversationWith, type Host, processHost, type Ran, threadHost } from './host.ts';
import type { SessionOptions } from './onnx-worker.ts';
import { orOutOfMemory } from './out-of-memory.ts';

export interface OnnxEngineOptions {
  /** Threads of one run (intra-op); ops run one after another. */
  threads: number;
  /** A worker thread where left out. */
  host?: 'thread' | 'process';
  /** The CPU where left out. */
  device?: 'cpu' | 'cuda';
  /** Of the GPU, before anything is on it. */
  freeBytes?: number | undefined;
  /** In place of a worker. */
  openHost?: () => Host;
}

const workerUrl = packageFile('dist/trainer/engines/onnx-worker.js');

async function compile(
  { outputs, weights }: ProgramSource,
  { threads, host: kind = 'thread', device = 'cpu', freeBytes, openHost }: OnnxEngineOptions,
): Promise<Program> {
  disableRuntimeTelemetry();
  const model = emitOnnx({
    outputs,
    ...(weights ? { weights: { location: basename(weights.path), tensors: weights.tensors } } : {}),
  });
  const host = openHost?.() ?? (kind === 'thread' ? threadHost(workerUrl) : processHost(workerUrl));
  const ask = conversationWith(host, 'onnxruntime');
  try {
    await ask({ model, weightsPath: weights?.path, threads, device } satisfies SessionOptions);
  } catch (error) {
    host.close();
    throw error;
  }
  return {
    run: inputs =>
      ask(inputs).then(
        answer => (answer as Ran).outputs,
        error => {
          throw orOutOfMemory(error, { outputs, inputs, freeBytes });
        },
      ),
    close: async () => host.close(),
  };
}

export function onnxEngine(options: OnnxEngineOptions): Engine {
  return { name: 'onnx', compile: source => compile(source, options) };
}

/** Whether onnxruntime-node has its CUDA provider, which is too large for its package and fetched by its install script. */
export function hasCudaProvider(): boolean {
  const { resolve } = createRequire(import.meta.url);
  const bin = join(dirname(resolve('onnxruntime-node/package.json')), 'bin');
  return existsSync(join(bin, 'napi-v6', process.platform, process.arch, 'libonnxruntime_providers_cuda.so'));
}
