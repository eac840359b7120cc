/** The HTTP surface: which middleware stands before which routes. Everything it needs is an argument. */
import { Hono } from 'hono';
import { VeneerError } from '../error.ts';
import { openKeyring, requireScope, scopeOf } from './auth.ts';
import type { RequestEnv } from './context.ts';
import { knownMethod } from './known-method.ts';
import { limitRates } from './limits.ts';
import { exposed, metricsPath } from './metrics.ts';
import { observed } from './observed.ts';
import { renderProblem } from './problem.ts';
import { requestId } from './request-id.ts';
import { addGroup } from './route-group.ts';
import { pages, routeGroups } from './route-groups.ts';
import type { Services } from './services.ts';

export function createApp(services: Services): Hono<RequestEnv> {
  const app = new Hono<RequestEnv>();
  app.onError(renderProblem);
  app.notFound(c =>
    renderProblem(new VeneerError('not_found', 'nothing is served here: see /openapi.json'), c),
  );
  app.use(requestId, observed(services), knownMethod(app));

  const keyring = openKeyring(services);
  const behindKey = ['/v1/*', '/models/*', '/predict/*'];
  const [authenticate, limit] = [requireScope(keyring, scopeOf), limitRates(services)];
  for (const path of behindKey) app.use(path, authenticate, limit);
  if (services.metrics) app.get(metricsPath, requireScope(keyring, 'admin'), exposed(services.metrics));

  const documented = routeGroups(services).map(group => addGroup(app, group));
  addGroup(app, {
    serves: [['GET', '/openapi.json']],
    add: async routes => (await import('./openapi.ts')).addOpenapi(routes, documented),
  });
  for (const group of pages) addGroup(app, group);
  return app;
}
