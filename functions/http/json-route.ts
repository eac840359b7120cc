/**
 * A route that takes JSON and answers JSON, as predictions do. It is in the OpenAPI document like any other; its body is
 * read and validated here at once, in place of Hono's validators, which take four times as long.
 */
import type { createRoute, OpenAPIHono, z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { readJson } from './body.ts';
import type { RequestEnv } from './context.ts';
import { answerJson } from './fields.ts';

export interface JsonRoute<Body extends z.ZodType> {
  route: ReturnType<typeof createRoute>;
  body: Body;
  maxBodyBytes: number;
  answer(c: Context<RequestEnv>, body: z.output<Body>): Promise<unknown>;
}

export function addJsonRoute<Body extends z.ZodType>(
  app: OpenAPIHono<RequestEnv>,
  { route, body: schema, maxBodyBytes, answer }: JsonRoute<Body>,
): void {
  app.openAPIRegistry.registerPath(route);
  app.post(route.getRoutingPath(), async c => {
    const body = await readJson(c, schema, maxBodyBytes);
    return answerJson(c, await answer(c, body));
  });
}
