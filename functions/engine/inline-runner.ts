/** Runs batches in the calling thread: for hosts with one request at a time, where a second thread would only wait. */
import type { GraphPaths, Runner } from './runner.ts';
import { openSessions } from './session.ts';

export function inlineRunner(graphPath: GraphPaths, threads: number): Runner {
  const sessions = openSessions(threads);
  const session = async (graph: string) => sessions.at(await graphPath(graph));
  return {
    alive: true,
    run: async (graph, feeds) => (await session(graph)).run(feeds),
    open: async graph => void (await session(graph)),
    close: sessions.close,
  };
}
