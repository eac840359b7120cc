/**
 * Refuses a method that a path lacks, and says which it has (RFC 9110, 15.5.6), before its body is read or its key asked for.
 * Stands behind `observed`.
 */
import type { Hono } from 'hono';
import { createMiddleware } from 'hono/factory';
import { TrieRouter } from 'hono/router/trie-router';
import { VeneerError } from '../error.ts';
import type { RequestEnv } from './context.ts';
import { setField } from './fields.ts';

export function knownMethod(app: Hono<RequestEnv>) {
  let methodsOf: ((path: string) => ReadonlySet<string>) | undefined;
  return createMiddleware<RequestEnv>(async (c, next) => {
    if (c.get('route') !== undefined) return next();
    // At the first such request, since all routes are there by then.
    methodsOf ??= methodTable(app);
    const methods = methodsOf(c.req.path);
    if (methods.size > 0) {
      setField(c, 'allow', [...methods].join(', '));
      throw new VeneerError('method_not_allowed', `send ${[...methods].join(' or ')} here`);
    }
    await next();
  });
}

function methodTable(app: Hono<RequestEnv>) {
  const router = new TrieRouter<string[]>();
  // Middleware is registered under paths that end in a star.
  for (const { path, method } of app.routes)
    if (!path.endsWith('*')) router.add('ALL', path, method === 'GET' ? ['GET', 'HEAD'] : [method]);
  return (path: string) => new Set(router.match('ALL', path)[0].flatMap(([methods]) => methods));
}
