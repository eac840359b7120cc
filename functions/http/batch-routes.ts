/** What /v1/batches takes and answers, as the OpenAPI document shows it. */
import { createRoute, type RouteConfig, z } from '@hono/zod-openapi';
import { tasks } from '../artifacts/names.ts';
import { batchIdRule, states } from '../batches/document.ts';
import type { BatchLimits } from '../batches/limits.ts';
import { adapterReference, answer, keyProblems, needsKey, problems } from './responses.ts';

const count = z.int();
const time = z.string().nullable();

export const BatchAnswer = z
  .object({
    id: z.string().openapi({ example: 'batch-0123456789abcdef0123456789abcdef' }),
    state: z.enum(states),
    error: z.string().nullable().openapi({ description: 'Why it failed as a whole.' }),
    model: z
      .object({ name: z.string(), digest: z.string() })
      .openapi({ description: 'The version that answers all lines, as the reference stood at the start.' }),
    task: z.enum(tasks),
    counts: z.object({ lines: count, succeeded: count, failed: count }),
    usage: z.object({ tokens: count, windows: count }),
    created_at: z.string(),
    started_at: time,
    ended_at: time,
    expires_at: time.openapi({ description: 'When it is deleted with its results.' }),
    results: z
      .object({
        url: z.string().openapi({ description: 'Where the results are, on this server.' }),
        parts: z.array(z.string()).openapi({
          description:
            'URLs into the store that need no key for an hour; one after another, their contents are the results. None of a store that is a directory, and none in a list.',
        }),
      })
      .nullable()
      .openapi({ description: 'Null until it is over.' }),
  })
  .openapi('Batch');
export type BatchAnswer = z.infer<typeof BatchAnswer>;

export const jsonl = 'application/jsonl';
const idInPath = z.object({ id: z.string().regex(...batchIdRule) });
const maxListed = 100;

export function createBatchRoute({ maxLines, maxBodyBytes, maxLineBytes, maxOpen }: BatchLimits) {
  return createRoute({
    method: 'post',
    path: '/v1/batches',
    tags: ['batches'],
    security: needsKey,
    description: [
      `At most ${maxLines} lines, ${maxBodyBytes} bytes, ${maxLineBytes} bytes a line, ${maxOpen} open batches.`,
      'What is accepted is answered, also where its key is revoked or its alias moved meanwhile.',
      'Where its adapter is deleted, the lines that are left have that as their error.',
    ].join(' '),
    request: {
      query: z.object({
        model: adapterReference,
        task: z.enum(tasks).optional().openapi({ description: 'Left out: what the adapter serves.' }),
      }),
      headers: z.object({
        'idempotency-key': z
          .string()
          .regex(/^[\x21-\x7e]{1,255}$/, 'expected 1 to 255 printable ASCII characters')
          .optional()
          .openapi({ description: 'The same request with the same key is the same batch.' }),
      }),
      body: {
        required: true,
        content: {
          [jsonl]: {
            // Not a zod schema: with one, the body would be read whole and parsed as JSON.
            schema: {
              type: 'string',
              pattern: '\\S',
              description:
                'A line an input: {"inputs": one input as the task takes it, "parameters"?: as the task takes them, "id"?: a string that comes back}. A line that cannot be answered has its error in the result; one without text is passed over.',
              example: '{"id": "a", "inputs": "first text"}\n{"id": "b", "inputs": "second text"}\n',
            },
          },
        },
      },
    },
    responses: {
      ...answer('The batch that the same request made before.', BatchAnswer),
      ...answer('Accepted.', BatchAnswer, { status: 202 }),
      ...problems(
        ...keyProblems,
        'not_found',
        'wrong_task',
        'digest_mismatch',
        'invalid_json',
        'invalid_request',
        'invalid_artifact',
        'payload_too_large',
        'rate_limited',
      ),
    },
  });
}

export const listRoute = createRoute({
  method: 'get',
  path: '/v1/batches',
  tags: ['batches'],
  security: needsKey,
  request: {
    query: z.object({
      limit: z.coerce
        .number()
        .int()
        .min(1)
        .max(maxListed)
        .default(20)
        .openapi({ type: 'integer', minimum: 1, maximum: maxListed }),
    }),
  },
  responses: {
    ...answer("The tenant's batches, newest first.", z.object({ batches: z.array(BatchAnswer) })),
    ...problems(...keyProblems, 'invalid_request', 'invalid_artifact'),
  },
});

const onOne = {
  path: '/v1/batches/{id}' as const,
  tags: ['batches'],
  security: needsKey,
  request: { params: idInPath },
};
const problemsOfOne = [...keyProblems, 'not_found', 'invalid_request', 'invalid_artifact'] as const;

export const getRoute = createRoute({
  method: 'get',
  ...onOne,
  responses: { ...answer('How far it is.', BatchAnswer), ...problems(...problemsOfOne) },
});

export const cancelRoute = createRoute({
  method: 'delete',
  ...onOne,
  description: 'Cancels it. What was answered by then can be read; of a batch that is over nothing changes.',
  responses: { ...answer('As it is now.', BatchAnswer), ...problems(...problemsOfOne) },
});

/** Not `answer`: these are no JSON. */
const resultLines: RouteConfig['responses'] = {
  200: {
    description:
      'A line for each line of the batch, in their order: {"index", "id", "status": 200, "output": as the task answers, "usage": {"tokens", "windows"}}, or {"index", "id", "status", "error": {"code", "message"}}. Of a cancelled batch the first lines.',
    headers: z.object({ 'x-request-id': z.string() }),
    content: { [jsonl]: { schema: z.string() } },
  },
};

export const resultsRoute = createRoute({
  method: 'get',
  ...onOne,
  path: '/v1/batches/{id}/results',
  responses: {
    ...resultLines,
    ...problems(...problemsOfOne, 'conflict'),
  },
});
