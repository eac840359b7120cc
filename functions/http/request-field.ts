/** A header field of a request. */
import type { Context } from 'hono';
import type { RequestEnv } from './context.ts';

/**
 * As Node has parsed it, in a tenth of the time that a Headers object over the same takes. Not for credentials: of some
 * fields that come twice Node keeps the first, where Headers show both.
 * @param name In lower case.
 */
export function requestField(c: Context<RequestEnv>, name: string): string | undefined {
  const headers = c.env?.incoming?.headers;
  return headers ? (headers[name] as string | undefined) : c.req.header(name);
}
