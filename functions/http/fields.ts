/**
 * Header fields of an answer, gathered in a plain record while its request runs: Hono's own `c.header` makes a Headers
 * object, which the server then takes apart again. What answers predictions takes them; on everything else they are put.
 */
import type { Context } from 'hono';
import type { RequestEnv } from './context.ts';

export function setField(c: Context<RequestEnv>, name: string, value: string): void {
  c.get('fields')[name] = value;
}

/** The answer as JSON, with the fields that were set by now. */
export function answerJson(c: Context<RequestEnv>, value: unknown): Response {
  const headers = c.get('fields');
  headers['content-type'] = 'application/json';
  c.set('fieldsTaken', true);
  return new Response(JSON.stringify(value), { status: 200, headers });
}

/** Once the answer is there. */
export function putFields(c: Context<RequestEnv>): void {
  if (c.get('fieldsTaken')) return;
  const { headers } = c.res;
  const fields = c.get('fields');
  for (const name in fields) headers.set(name, fields[name]!);
}
