/** The one renderer of errors: problem+json (RFC 9457). What is our fault is told without details, and left to the log. */
import { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { VeneerError } from '../error.ts';
import type { RequestEnv } from './context.ts';
import { InvalidFields } from './issues.ts';
import { aborted } from './run-options.ts';

export const problemType = 'application/problem+json';

export const FieldErrors = z.array(
  z.object({ path: z.string().openapi({ example: 'inputs.0.text' }), message: z.string() }),
);

export const Problem = z
  .object({
    type: z.string().openapi({ description: 'A URI for this kind of problem.' }),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional().openapi({ description: 'What is wrong here, and what to do.' }),
    code: z.string().openapi({ description: 'For programs; does not change.', example: 'not_found' }),
    request_id: z.string(),
    errors: FieldErrors.optional(),
  })
  .openapi('Problem');
export type Problem = z.infer<typeof Problem>;

/** For what is not available, where nothing better is known. */
const defaultRetrySeconds = 1;

export function renderProblem(thrown: unknown, c: Context<RequestEnv>): Response {
  const error = aborted(thrown) ?? thrown;
  const request_id = c.get('requestId');
  const problem = problemOf(error, request_id);
  c.set('problem', { code: problem.code, ...(problem.status >= 500 ? { error } : {}) });
  if (problem.status === 401) c.header('WWW-Authenticate', 'Bearer');
  const retry = error instanceof VeneerError ? error.retryAfterSeconds : undefined;
  if (problem.status === 503 || retry !== undefined)
    c.header('Retry-After', String(retry ?? defaultRetrySeconds));
  c.header('Content-Type', problemType);
  return c.body(JSON.stringify(problem), problem.status as ContentfulStatusCode);
}

function problemOf(error: unknown, request_id: string): Problem {
  if (!(error instanceof VeneerError))
    return { type: 'about:blank', title: 'Internal Server Error', status: 500, code: 'internal', request_id };
  const { status, title, code, message } = error;
  return {
    type: `urn:veneer:problem:${code}`,
    title,
    status,
    // Past 500 the message is for whoever runs the server, who has it in the log.
    ...(status < 500 ? { detail: message } : {}),
    code,
    request_id,
    ...(error instanceof InvalidFields ? { errors: error.errors } : {}),
  };
}
