/**
 * POST /models/{adapter}: the Hugging Face Inference shape, so that its official clients work unchanged. The adapter's
 * manifest says the task, and with it what `inputs` must be.
 */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { TaskName } from '../artifacts/names.ts';
import { startStopwatch } from '../timed.ts';
import type { RequestEnv } from './context.ts';
import { InvalidFields } from './issues.ts';
import { predictionProblems } from './predictions.ts';
import { answer, needsKey, predictionHeaders, problems } from './responses.ts';
import { runOptions } from './run-options.ts';
import type { Services } from './services.ts';
import type { TaskForm } from './tasks/form.ts';
import { HuggingFaceParameters } from './tasks/parameters.ts';

type Forms = Record<TaskName, TaskForm>;

function huggingFaceRoute(forms: Forms) {
  const Request = z
    .looseObject({
      inputs: z.unknown().openapi({
        description: 'What the task of the adapter takes.',
        anyOf: Object.values(forms).map(({ inputsName }) => ({ $ref: `#/components/schemas/${inputsName}` })),
      }),
      parameters: HuggingFaceParameters.nullish(),
    })
    .openapi({ required: ['inputs'] });
  const Answer = z.array(z.unknown()).or(z.looseObject({})).openapi({
    description:
      'Classification: [[{label, score}]]. Sequence labeling: [{entity_group, score, word, start, end}]. Question answering: {answer, score, start, end}, a list of them for top_k above 1.',
  });
  return createRoute({
    method: 'post',
    path: '/models/{adapter}',
    tags: ['predictions'],
    security: needsKey,
    request: {
      params: z.object({
        adapter: z
          .string()
          .max(200)
          .openapi({ description: 'An adapter reference, URL-encoded.', example: 'support' }),
      }),
      body: { required: true, content: { 'application/json': { schema: Request } } },
    },
    responses: {
      ...answer('What a Hugging Face pipeline for the task answers.', Answer, predictionHeaders),
      ...problems(...predictionProblems),
    },
  });
}

export function addHuggingFace(
  app: OpenAPIHono<RequestEnv>,
  forms: Forms,
  services: Pick<Services, 'adapters' | 'base' | 'limits'>,
) {
  app.openapi(huggingFaceRoute(forms), async c => {
    const { inputs, parameters } = c.req.valid('json');
    const { timed, header } = startStopwatch();
    const adapterReference = c.req.valid('param').adapter;
    const [base, adapter] = await Promise.all([
      timed('base', () => services.base()),
      timed('adapter', () => services.adapters.get(c.get('tenant'), adapterReference)),
    ]);
    const form = forms[adapter.manifest.task];
    const question = z.object({ inputs: form.inputs }).safeParse({ inputs });
    if (!question.success) throw new InvalidFields(question.error.issues);
    const { huggingFace } = await question.data.inputs.answer({
      base,
      adapter,
      parameters: parameters ?? {},
      run: runOptions(c, services.limits),
      timed,
    });
    c.header('x-adapter-digest', adapter.digest);
    c.header('server-timing', header());
    return c.json(huggingFace as object);
  });
}
