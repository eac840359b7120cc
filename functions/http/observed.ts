/** Measures each request from its arrival to its answer, and tells the trace, the metrics and the log of it. */
import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { matchedRoutes } from 'hono/route';
import { startStopwatch } from '../timed.ts';
import { startTrace } from '../tracing.ts';
import type { AnsweredRequest } from './answered.ts';
import type { RequestEnv } from './context.ts';
import { logRequest } from './log.ts';
import type { Services } from './services.ts';

/** Stands behind `requestId` and before everything else. */
export function observed({ metrics, logRequests = false }: Pick<Services, 'metrics' | 'logRequests'>) {
  const plain = new Map<string, string>();
  /** Of patterns without parameters, which are few, it is looked for once. */
  const knownRoute = (c: Context, method: string) => {
    const key = `${method} ${c.req.path}`;
    const known = plain.get(key);
    if (known !== undefined) return known;
    const route = routeOf(c);
    if (route === c.req.path) plain.set(key, route);
    return route;
  };
  return createMiddleware<RequestEnv>(async (c, next) => {
    const started = performance.now();
    const { method } = c.req;
    const route = knownRoute(c, method);
    c.set('route', route);
    const trace = startTrace({ method, route, headers: c.req.raw.headers });
    c.set('stopwatch', startStopwatch({ within: trace.within, onStage: metrics?.stage }));
    metrics?.arrived();
    try {
      await trace.run(next);
    } finally {
      const answered: AnsweredRequest = {
        requestId: c.get('requestId'),
        ...{ method, route, status: c.res.status, ms: performance.now() - started },
        tenant: c.get('tenant'),
        ...c.get('prediction'),
        ...c.get('problem'),
        traceId: trace.traceId,
      };
      metrics?.answered(answered);
      logRequest(answered, logRequests);
      trace.end(answered.status, () => ({
        'veneer.request_id': answered.requestId,
        'veneer.tenant': answered.tenant,
        'veneer.task': answered.task,
        'veneer.adapter.digest': answered.adapterDigest,
        'veneer.tokens': answered.tokens,
        'veneer.windows': answered.windows,
        'error.type': answered.code,
      }));
    }
  });
}

/** Middleware matches as well, by patterns that end in `*`. */
function routeOf(c: Context): string | undefined {
  return matchedRoutes(c).findLast(({ path }) => !path.endsWith('*'))?.path;
}
