/** Runs batches in a worker thread, so that the event loop of the server stays free. */
import { createRequire } from 'node:module';
import type * as WorkerThreads from 'node:worker_threads';
import { packageFile } from '../package-file.ts';
import { buffersOf, type GraphPaths, type Logits, type Runner } from './runner.ts';
import type { WorkerAnswer, WorkerRequest } from './worker.ts';

// A start that computes in its own thread does not load it.
const loadThreads = (): typeof WorkerThreads => createRequire(import.meta.url)('node:worker_threads');

type Answer = Exclude<WorkerAnswer['answer'], { error: string }>;

export function workerRunner(graphPath: GraphPaths): Runner & { readonly worker: WorkerThreads.Worker } {
  const { Worker } = loadThreads();
  const worker = new Worker(packageFile('dist/functions/engine/worker.js'));
  let alive = true;
  const pending = new Map<number, { resolve(answer: Answer): void; reject(error: Error): void }>();
  let last = 0;
  const die = (why: string) => {
    alive = false;
    for (const { reject } of pending.values()) reject(new Error(why));
    pending.clear();
  };
  worker.on('message', ({ id, answer }: WorkerAnswer) => {
    const waiting = pending.get(id);
    pending.delete(id);
    if (answer !== 'open' && 'error' in answer) waiting?.reject(new Error(answer.error));
    else waiting?.resolve(answer);
  });
  worker.on('error', error => die(`a worker thread failed: ${error.message}`));
  worker.on('exit', code => die(`a worker thread ended with code ${code}`));
  const ask = (request: Omit<WorkerRequest, 'id'>) => {
    if (!alive) return Promise.reject(new Error('the worker thread has ended'));
    return new Promise<Answer>((resolve, reject) => {
      const id = ++last;
      pending.set(id, { resolve, reject });
      worker.postMessage({ ...request, id } satisfies WorkerRequest, buffersOf(request.feeds ?? {}));
    });
  };
  return {
    worker,
    get alive() {
      return alive;
    },
    run: async (graph, feeds) => (await ask({ path: await graphPath(graph), feeds })) as Logits,
    open: async graph => void (await ask({ path: await graphPath(graph) })),
    async close() {
      await worker.terminate();
    },
  };
}
