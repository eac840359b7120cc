/** The far side of host.ts: opens a program with the first message and answers every other with the results of a run. */
import { parentPort } from 'node:worker_threads';
import type { HostTensor } from './engine.ts';
import type { Ran } from './host.ts';

type Tensors = Record<string, HostTensor>;
export type Run = (inputs: Tensors) => Promise<Ran>;

export function serveProgram<Options>(open: (options: Options) => Promise<Run>): void {
  let run: Run | undefined;
  const answer = async (message: Options | Tensors): Promise<object> => {
    try {
      if (run) return await run(message as Tensors);
      run = await open(message as Options);
      return { ready: true };
    } catch (error) {
      return { error: (error as Error).message };
    }
  };
  if (parentPort) {
    const port = parentPort;
    port.on('message', async message => port.postMessage(await answer(message)));
    return;
  }
  process.on('message', async message => process.send!(await answer(message as Tensors)));
  process.on('disconnect', () => process.exit());
  // Ctrl-C reaches every process of a terminal's group; the trainer finishes its step, for which it needs this one.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {});
}
