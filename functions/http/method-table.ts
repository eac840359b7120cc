/** Which methods a path has: what an answer to another one must say (RFC 9110, 15.5.6). */
import type { Hono } from 'hono';
import { TrieRouter } from 'hono/router/trie-router';
import type { RequestEnv } from './context.ts';

/** The methods of a path in their order of registration; none for a path that is not served. */
export function methodTable(app: Hono<RequestEnv>): (path: string) => string[] {
  let router: TrieRouter<string> | undefined;
  return path => {
    if (!router) {
      // At the first question, since all routes are there by then.
      router = new TrieRouter();
      // Middleware is registered under paths that end in a star.
      for (const route of app.routes)
        if (!route.path.endsWith('*')) router.add('ALL', route.path, route.method);
    }
    const methods = router.match('ALL', path)[0].map(([method]) => method);
    return [...new Set(methods.flatMap(method => (method === 'GET' ? ['GET', 'HEAD'] : [method])))];
  };
}
