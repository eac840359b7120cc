/** Worker thread of the pool: sessions of its own over the same mapped weights, one thread each. */
import { parentPort } from 'node:worker_threads';
import { buffersOf, type Logits } from './runner.ts';
import { openSessions } from './session.ts';
import type { Feed } from './token-feeds.ts';

export interface WorkerRequest {
  id: number;
  path: string;
  /** Left out: the session is opened, and nothing runs. */
  feeds?: Readonly<Record<string, Feed>>;
}

export interface WorkerAnswer {
  id: number;
  answer: Logits | 'open' | { error: string };
}

const port = parentPort!;
const sessions = openSessions({ threads: 1 });

port.on('message', async ({ id, path, feeds }: WorkerRequest) => {
  const reply = (answer: WorkerAnswer['answer'], transfer: ArrayBuffer[] = []) =>
    port.postMessage({ id, answer } satisfies WorkerAnswer, transfer);
  try {
    const session = await sessions.at(path);
    if (!feeds) return reply('open');
    const { data, shape } = await session.run(feeds);
    // The runtime's own memory cannot move between threads: hand over a copy.
    const copy = Float32Array.from(data);
    const spent = buffersOf(feeds);
    reply({ data: copy, shape: [...shape], spent }, [copy.buffer, ...spent]);
  } catch (error) {
    reply({ error: (error as Error).message });
  }
});
