/** Runs batches in the calling thread: for hosts with one request at a time, where a second thread would only wait. */
import { buffersOf, type GraphPaths, type Runner } from './runner.ts';
import { openSessions, prepareRuntime, type SessionOptions } from './session.ts';

export function inlineRunner(graphPath: GraphPaths, options: SessionOptions): Runner {
  const sessions = openSessions(options);
  const session = async (graph: string) => {
    const path = graphPath(graph);
    prepareRuntime();
    return sessions.at(await path);
  };
  return {
    alive: true,
    run: async (graph, feeds) => ({ ...(await (await session(graph)).run(feeds)), spent: buffersOf(feeds) }),
    open: async graph => void (await session(graph)),
    close: sessions.close,
  };
}
