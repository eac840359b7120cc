/** The only file that knows onnxruntime-node: opens a serving graph by path and runs it. Nothing is loaded at import. */
import { createRequire } from 'node:module';
import type * as OnnxRuntime from 'onnxruntime-node';
import type { Feed } from './token-feeds.ts';

export interface Session {
  /**
   * Runs the graph; its `logits` come back flat with their shape. Blocks the thread while it computes. One run at a time.
   */
  run(feeds: Readonly<Record<string, Feed>>): Promise<{ data: Float32Array; shape: readonly number[] }>;
  close(): Promise<void>;
}

// The package is CommonJS: requiring it spares the start the scan for named exports that `import` makes.
const loadRuntime = (): typeof OnnxRuntime => createRequire(import.meta.url)('onnxruntime-node');

let prepared = false;
/**
 * Loads the runtime and has it make what it makes once for all sessions: 20 ms that a start can spend while it waits for a
 * graph. The session that this asks for is of no graph and fails; whatever else fails here, the first graph's will tell.
 */
export function prepareRuntime(): void {
  if (prepared) return;
  prepared = true;
  try {
    loadRuntime()
      .InferenceSession.create(new Uint8Array(0))
      .catch(() => {});
  } catch {}
}

export interface SessionOptions {
  threads: number;
  /**
   * So often a graph runs before its weights are packed for the processor. To pack them is a third of opening a graph and a
   * copy of them; an int8 run without is 0.3 ms longer. 0, the default: at once. MatMulNBits is many times slower without.
   */
  unpackedRuns?: number;
}

async function openSession(
  graphPath: string,
  { threads, unpackedRuns = 0 }: SessionOptions,
): Promise<Session> {
  const ort = loadRuntime();
  const options: OnnxRuntime.InferenceSession.SessionOptions = {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'disabled',
    enableMemPattern: false,
  };
  const unpacked = { ...options, extra: { session: { disable_prepacking: '1' } } };
  let session = await ort.InferenceSession.create(graphPath, unpackedRuns > 0 ? unpacked : options);
  let runs = 0;
  return {
    async run(feeds) {
      if (runs++ === unpackedRuns && unpackedRuns > 0) {
        const former = session;
        session = await ort.InferenceSession.create(graphPath, options);
        await former.release();
      }
      const tensors = Object.entries(feeds).map(
        ([name, { dtype, data, shape }]) =>
          [name, new ort.Tensor(dtype, data as Float32Array, shape)] as const,
      );
      const { logits } = await session.run(Object.fromEntries(tensors));
      return { data: logits!.data as Float32Array, shape: logits!.dims };
    },
    close: () => session.release(),
  };
}

export interface Sessions {
  /** The session of a graph, opened on first use; a failure is forgotten. */
  at(graphPath: string): Promise<Session>;
  close(): Promise<void>;
}

export function openSessions(options: SessionOptions): Sessions {
  const sessions = new Map<string, Promise<Session>>();
  return {
    at(graphPath) {
      let session = sessions.get(graphPath);
      if (!session) {
        session = openSession(graphPath, options);
        session.catch(() => sessions.delete(graphPath));
        sessions.set(graphPath, session);
      }
      return session;
    },
    async close() {
      const open = await Promise.allSettled(sessions.values());
      sessions.clear();
      await Promise.all(
        open.map(session => (session.status === 'fulfilled' ? session.value.close() : undefined)),
      );
    },
  };
}
