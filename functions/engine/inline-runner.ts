/** Runs batches in the calling thread: for hosts with one request at a time, where a second thread would only wait. */
import type { GraphPaths, Runner } from './runner.ts';
import { openSession, type Session } from './session.ts';

export function inlineRunner(graphPath: GraphPaths, threads: number): Runner {
  const sessions = new Map<string, Promise<Session>>();
  return {
    alive: true,
    async run(graph, feeds) {
      let session = sessions.get(graph);
      if (!session) {
        session = graphPath(graph).then(path => openSession(path, threads));
        session.catch(() => sessions.delete(graph));
        sessions.set(graph, session);
      }
      return (await session).run(feeds);
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
