/** GET /openapi.json: the OpenAPI 3.1 document of the very schemas that validate. Needs no key. */
import { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { RequestEnv } from './context.ts';
import { answer, problems } from './responses.ts';

const route = createRoute({
  method: 'get',
  path: '/openapi.json',
  tags: ['operation'],
  responses: { ...answer('This document.', z.looseObject({ openapi: z.string() })), ...problems() },
});

/** @param documented What is in the document before this route, in its order. */
export function addOpenapi(
  routes: OpenAPIHono<RequestEnv>,
  documented: readonly (() => Promise<OpenAPIHono<RequestEnv>>)[],
) {
  routes.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    description:
      'An API key, `vn_<tenant>_<secret>`, or a JWT of the configured issuer. It decides the tenant; with the scope admin, the header `x-veneer-tenant` names the tenant acted for.',
  });
  let document: object | undefined;
  routes.openapi(route, async c => {
    document ??= documentOf([...(await Promise.all(documented.map(load => load()))), routes]);
    return c.json(document);
  });
}

function documentOf(groups: readonly OpenAPIHono<RequestEnv>[]): object {
  const whole = new OpenAPIHono<RequestEnv>();
  for (const group of groups) whole.route('/', group);
  return whole.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'Veneer',
      version: '1',
      description:
        'Classification, sequence labeling and question answering by adapters over one base model.',
    },
  });
}
