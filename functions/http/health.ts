/** For load balancers: /healthz says that the process lives, /readyz that it can predict. Neither needs a key. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { VeneerError } from '../error.ts';
import type { RequestEnv } from './context.ts';
import { logError } from './log.ts';
import { answer, problems } from './responses.ts';
import type { Services } from './services.ts';

const Status = z.object({ status: z.literal('ok') }).openapi('Status');

const healthRoute = createRoute({
  method: 'get',
  path: '/healthz',
  tags: ['operation'],
  responses: { ...answer('The process lives.', Status), ...problems() },
});

const readyRoute = createRoute({
  method: 'get',
  path: '/readyz',
  tags: ['operation'],
  responses: { ...answer('Predictions can be asked for.', Status), ...problems('unavailable') },
});

export function addHealth(app: OpenAPIHono<RequestEnv>, services: Pick<Services, 'ready' | 'base'>) {
  app.openapi(healthRoute, c => c.json({ status: 'ok' }));
  app.openapi(readyRoute, c => {
    if (services.ready()) return c.json({ status: 'ok' });
    // No predictions are sent to a server that is not ready, so asking is what makes it try again.
    services.base().catch(error => logError(error, c.get('requestId')));
    throw new VeneerError(
      'unavailable',
      'the base is not open, what it starts with not loaded, or the server about to stop',
    );
  });
}
