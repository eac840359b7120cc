/** POST /v1/<task>: one route a task. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { parseReference } from '../artifacts/names.ts';
import { type AskingServices, ask } from './asking.ts';
import type { RequestEnv } from './context.ts';
import { addJsonRoute } from './json-route.ts';
import {
  adapterReference,
  answer,
  keyProblems,
  needsKey,
  predictionHeaders,
  problems,
  requestHeaders,
} from './responses.ts';
import type { TaskForm } from './tasks/form.ts';
import { RefusedInput } from './tasks/refused-input.ts';

export const predictionProblems = [
  ...keyProblems,
  'invalid_json',
  'not_found',
  'wrong_task',
  'digest_mismatch',
  'payload_too_large',
  'invalid_artifact',
] as const;

const Usage = z
  .object({
    tokens: z.int().openapi({ description: 'Tokens computed, special tokens counted.' }),
    windows: z.array(z.int()).openapi({
      description: 'Windows of each input: more than 1 for a long text, 0 for one that was refused.',
    }),
  })
  .openapi('Usage');

function predictionRoute({ name, inputs, parameters, output }: TaskForm) {
  const Request = z.strictObject({
    model: adapterReference,
    inputs,
    parameters: parameters.optional(),
  });
  const Answer = z.object({
    task: z.literal(name),
    model: z.object({ name: z.string(), digest: z.string() }),
    outputs: z.array(z.union([output, RefusedInput])),
    usage: Usage,
  });
  const route = createRoute({
    method: 'post',
    path: `/v1/${name}`,
    tags: ['predictions'],
    security: needsKey,
    request: {
      headers: requestHeaders,
      body: { required: true, content: { 'application/json': { schema: Request } } },
    },
    responses: {
      ...answer(
        'An answer for each input, in their order. Of several inputs, one that is bad has its error in its place.',
        Answer,
        { headers: predictionHeaders },
      ),
      ...problems(...predictionProblems),
    },
  });
  return { route, body: Request };
}

export function addPrediction(app: OpenAPIHono<RequestEnv>, form: TaskForm, services: AskingServices) {
  addJsonRoute(app, {
    ...predictionRoute(form),
    maxBodyBytes: services.limits.maxBodyBytes,
    async answer(c, { model, inputs, parameters = {} }) {
      const { adapter, outputs, usage } = await ask(c, services, {
        reference: model,
        question: asking => inputs.answer(asking, parameters),
      });
      const { name } = parseReference(model);
      return { task: form.name, model: { name, digest: adapter.digest }, outputs, usage };
    },
  });
}
