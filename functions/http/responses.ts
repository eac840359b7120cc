/** Answers as the OpenAPI document shows them. */
import type { RouteConfig } from '@hono/zod-openapi';
import { z } from '@hono/zod-openapi';
import { howToRefer, referencePattern } from '../artifacts/names.ts';
import { type ErrorCode, VeneerError } from '../error.ts';
import { Problem, problemType } from './problem.ts';

type Responses = RouteConfig['responses'];

const headers = z.object({
  'x-request-id': z.string(),
  'ratelimit-policy': z.string().optional().openapi({
    description: 'What the key may ask for, where it is limited: quota `q` in a window of `w` seconds.',
    example: '"tokens";q=100000;w=60, "requests";q=600;w=60',
  }),
  ratelimit: z.string().optional().openapi({
    description: 'What is left of it: `r`, all of it again in `t` seconds.',
    example: '"tokens";r=98000;t=2, "requests";r=599;t=1',
  }),
});

/** An adapter in a request. */
const reference = z.string().regex(referencePattern, `no adapter reference: ${howToRefer}`);
export const adapterReference = reference.openapi({
  description: 'An adapter: `name` (its alias live), `name@alias` or `name@sha256:<digest>`.',
  example: 'support@live',
});

export const adapterInPath = z.object({
  adapter: reference.openapi({ description: 'An adapter reference, URL-encoded.', example: 'support' }),
});

export const requestKeyHeader = 'x-request-key';

/** What a prediction may be sent with. */
export const requestHeaders = z.object({
  [requestKeyHeader]: z.string().optional().openapi({
    description:
      'Where a canary answers a share of the requests: requests of one key, such as a user id, get the same version. Left out: the request id.',
  }),
});

export const predictionHeaders = headers.extend({
  'x-adapter-digest': z
    .string()
    .openapi({ description: 'SHA-256 digest of the adapter version that answered.' }),
  'x-compute-tokens': z.string().openapi({ description: 'Tokens computed, special tokens counted.' }),
  'x-compute-windows': z
    .string()
    .openapi({ description: 'Windows of each input, with commas between.', example: '1,3' }),
  'server-timing': z.string().openapi({
    description: 'Milliseconds of each stage: authenticate, base, adapter, tokenize, queue, run, decode.',
  }),
});

export function answer(
  description: string,
  schema: z.ZodType,
  { status = 200, headers: shown = headers }: { status?: 200 | 201 | 202; headers?: z.ZodObject } = {},
): Responses {
  return { [status]: { description, headers: shown, content: { 'application/json': { schema } } } };
}

/** One response a status, with the titles of its codes; every route may also fail with a bare 500. */
export function problems(...codes: ErrorCode[]): Responses {
  const titles = new Map<number, string[]>([[500, ['Internal Server Error']]]);
  for (const code of new Set(codes)) {
    const { status, title } = new VeneerError(code, '');
    titles.set(status, [...(titles.get(status) ?? []), title]);
  }
  return Object.fromEntries(
    [...titles].map(([status, texts]) => [
      status,
      { description: texts.join('; or: '), headers, content: { [problemType]: { schema: Problem } } },
    ]),
  );
}

/** What a route behind a key may answer besides its own problems. */
export const keyProblems = [
  'unauthenticated',
  'forbidden',
  'invalid_request',
  'rate_limited',
  'unavailable',
] as const;

export const needsKey = [{ bearer: [] }];
