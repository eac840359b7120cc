/** Every answer carries `x-request-id`: the caller's where it is harmless in a log, else a new one. */
import { createMiddleware } from 'hono/factory';
import type { RequestEnv } from './context.ts';
import { putFields } from './fields.ts';
import { requestField } from './request-field.ts';

const harmless = /^[A-Za-z0-9._-]{1,128}$/;

export const requestId = createMiddleware<RequestEnv>(async (c, next) => {
  const given = requestField(c, 'x-request-id');
  const id = given !== undefined && harmless.test(given) ? given : crypto.randomUUID();
  c.set('requestId', id);
  c.set('fields', { 'x-request-id': id });
  await next();
  putFields(c);
});
