/** GET /openapi.json: the OpenAPI 3.1 document of the very schemas that validate. Needs no key. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { RequestEnv } from './context.ts';
import { answer, problems } from './responses.ts';

const route = createRoute({
  method: 'get',
  path: '/openapi.json',
  tags: ['operation'],
  responses: { ...answer('This document.', z.looseObject({ openapi: z.string() })), ...problems() },
});

/** Call it after the other routes are there. */
export function addOpenapi(app: OpenAPIHono<RequestEnv>) {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'An API key, `vn_<tenant>_<secret>`, or a JWT of the configured issuer. It decides the tenant; with the scope admin, the header `x-veneer-tenant` names the tenant acted for.',
  });
  let document: object | undefined;
  app.openapi(route, c => {
    document ??= app.getOpenAPI31Document({
      openapi: '3.1.0',
      info: {
        title: 'Veneer',
        version: '1',
        description:
          'Classification, sequence labeling and question answering by adapters over one base model.',
      },
    });
    return c.json(document);
  });
}
