/** The onnx engine: emits the graph as ONNX and runs it with onnxruntime-node in a worker thread of its own. */
import { once } from 'node:events';
import { basename } from 'node:path';
import { Worker } from 'node:worker_threads';
import { emitOnnx } from '../graph/onnx.ts';
import type { Engine, HostTensor, Program, ProgramSource } from './engine.ts';
import type { WorkerOptions } from './onnx-worker.ts';

type Answer = { ready: true } | { outputs: Record<string, HostTensor> } | { error: string };

/** The worker's bundle, whether this file runs from dist/ or, in tests, from its source beside dist/. */
const { url } = import.meta;
const root = url.slice(0, url.lastIndexOf(url.endsWith('.ts') ? '/trainer/engines/' : '/dist/'));
const workerUrl = new URL(`${root}/dist/trainer/engines/onnx-worker.js`);

async function compile({ outputs, weights }: ProgramSource, threads: number): Promise<Program> {
  const model = emitOnnx({
    outputs,
    ...(weights ? { weights: { location: basename(weights.path), tensors: weights.tensors } } : {}),
  });
  const options: WorkerOptions = { model, weightsPath: weights?.path, threads };
  const worker = new Worker(workerUrl, { workerData: options });
  const answer = async (): Promise<Answer> => {
    const controller = new AbortController();
    const { signal } = controller;
    const exit = once(worker, 'exit', { signal }).then(([code]) => {
      throw new Error(`the engine's worker thread ended with code ${code}`);
    });
    try {
      const [message] = (await Promise.race([once(worker, 'message', { signal }), exit])) as [Answer];
      if ('error' in message) throw new Error(`onnxruntime: ${message.error}`);
      return message;
    } finally {
      controller.abort();
      exit.catch(() => {});
    }
  };
  await answer();
  return {
    async run(inputs) {
      worker.postMessage(inputs);
      return ((await answer()) as { outputs: Record<string, HostTensor> }).outputs;
    },
    async close() {
      await worker.terminate();
    },
  };
}

/** @param threads Threads of one run (intra-op); ops run one after another. */
export function onnxEngine({ threads }: { threads: number }): Engine {
  return { name: 'onnx', compile: source => compile(source, threads) };
}
