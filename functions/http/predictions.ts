/** POST /v1/<task>: one route a task. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { parseReference } from '../artifacts/names.ts';
import { startStopwatch } from '../timed.ts';
import type { RequestEnv } from './context.ts';
import { answer, keyProblems, needsKey, predictionHeaders, problems } from './responses.ts';
import { runOptions } from './run-options.ts';
import type { Services } from './services.ts';
import type { TaskForm } from './tasks/form.ts';

export const predictionProblems = [
  ...keyProblems,
  'invalid_json',
  'not_found',
  'wrong_task',
  'digest_mismatch',
  'payload_too_large',
  'invalid_request',
  'invalid_artifact',
  'rate_limited',
] as const;

const Usage = z
  .object({
    tokens: z.int().openapi({ description: 'Tokens computed, special tokens counted.' }),
    windows: z.array(z.int()).openapi({ description: 'Windows of each input: more than 1 for a long text.' }),
  })
  .openapi('Usage');

export function predictionRoute({ name, inputs, parameters, output }: TaskForm) {
  const Request = z.strictObject({
    model: z.string().max(200).openapi({
      description: 'An adapter: `name` (its alias live), `name@alias` or `name@sha256:<digest>`.',
      example: 'support@live',
    }),
    inputs,
    parameters: parameters.optional(),
  });
  const Answer = z.object({
    task: z.literal(name),
    model: z.object({ name: z.string(), digest: z.string() }),
    outputs: z.array(output),
    usage: Usage,
  });
  return createRoute({
    method: 'post',
    path: `/v1/${name}`,
    tags: ['predictions'],
    security: needsKey,
    request: { body: { required: true, content: { 'application/json': { schema: Request } } } },
    responses: {
      ...answer('An answer for each input, in their order.', Answer, predictionHeaders),
      ...problems(...predictionProblems),
    },
  });
}

export function addPrediction(
  app: OpenAPIHono<RequestEnv>,
  form: TaskForm,
  services: Pick<Services, 'adapters' | 'base' | 'limits'>,
) {
  app.openapi(predictionRoute(form), async c => {
    const { model, inputs, parameters = {} } = c.req.valid('json');
    const { timed, header } = startStopwatch();
    const [base, adapter] = await Promise.all([
      timed('base', () => services.base()),
      timed('adapter', () => services.adapters.get(c.get('tenant'), model)),
    ]);
    const { outputs, usage } = await inputs.answer({
      base,
      adapter,
      parameters,
      run: runOptions(c, services.limits),
      timed,
    });
    c.header('x-adapter-digest', adapter.digest);
    c.header('server-timing', header());
    return c.json({
      task: form.name,
      model: { name: parseReference(model).name, digest: adapter.digest },
      outputs,
      usage,
    });
  });
}
