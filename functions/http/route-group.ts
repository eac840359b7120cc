/**
 * Routes whose code and schemas are there from the first request for one of them: a start pays for no more than it serves.
 * Their methods and paths are known at once, and where they stand among the rest.
 */
import { OpenAPIHono } from '@hono/zod-openapi';
import type { Handler, Hono } from 'hono';
import type { RequestEnv } from './context.ts';
import { InvalidFields } from './issues.ts';

export type Routes = OpenAPIHono<RequestEnv>;

export interface RouteGroup {
  serves: readonly (readonly [method: string, path: string])[];
  /** Adds just these. */
  add(routes: Routes): void | Promise<void>;
}

/** @returns Loads the group, once, and gives its routes with what the OpenAPI document shows of them. */
export function addGroup(app: Hono<RequestEnv>, { serves, add }: RouteGroup): () => Promise<Routes> {
  let loading: Promise<Routes> | undefined;
  const load = () => {
    loading ??= loaded(add);
    return loading;
  };
  for (const [method, path] of serves) {
    let handler: Handler<RequestEnv> | undefined;
    app.on(method, path, async (c, next) => {
      handler ??= handlerOf(await load(), method, path);
      return handler(c, next);
    });
  }
  return load;
}

async function loaded(add: RouteGroup['add']): Promise<Routes> {
  const routes = new OpenAPIHono<RequestEnv>({
    defaultHook(result) {
      if (!result.success) throw new InvalidFields(result.error.issues);
    },
  });
  await add(routes);
  return routes;
}

/** What a route does, with the middleware and validators that stand before it alone. */
function handlerOf({ routes }: Routes, method: string, path: string): Handler<RequestEnv> {
  const own = routes.filter(route => route.method === method && route.path === path);
  const handler = own.pop()?.handler;
  if (!handler) throw new Error(`the group that should serve ${method} ${path} does not`);
  return own.reduceRight<Handler<RequestEnv>>(
    (after, { handler }) =>
      (c, next) =>
        handler(c, async () => {
          const answer = await after(c, next);
          if (answer) c.res = answer;
        }),
    handler,
  );
}
