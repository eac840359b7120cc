/**
 * POST /models/{adapter}: the Hugging Face Inference shape, so that its official clients work unchanged. The adapter's
 * manifest says the task, and with it what `inputs` and `parameters` must be.
 */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import type { TaskName } from '../artifacts/names.ts';
import { type AskingServices, ask } from './asking.ts';
import type { RequestEnv } from './context.ts';
import { parsed } from './issues.ts';
import { addJsonRoute } from './json-route.ts';
import { predictionProblems } from './predictions.ts';
import { adapterInPath, answer, needsKey, predictionHeaders, problems, requestHeaders } from './responses.ts';
import type { TaskForm } from './tasks/form.ts';

type Forms = Record<TaskName, TaskForm>;

function huggingFaceRoute(forms: Forms) {
  const ofTask = (name: 'inputsName' | 'pipelineParametersName') =>
    Object.values(forms).map(form => ({ $ref: `#/components/schemas/${form[name]}` }));
  const Request = z
    .looseObject({
      inputs: z.unknown().openapi({
        description: 'What the task of the adapter takes. Of several, one that is bad refuses all.',
        anyOf: ofTask('inputsName'),
      }),
      parameters: z
        .unknown()
        .optional()
        .openapi({
          description: 'What the transformers pipeline for the task takes.',
          anyOf: [...ofTask('pipelineParametersName'), { type: 'null' }],
        }),
    })
    .openapi({ required: ['inputs'] });
  const Answer = z.array(z.unknown()).or(z.looseObject({})).openapi({
    description:
      'Classification: [[{label, score}]]. Sequence labeling: [{entity_group, score, word, start, end}], or [{entity, score, index, word, start, end}] with the strategy none. Question answering: {answer, score, start, end}, or a list of several.',
  });
  const route = createRoute({
    method: 'post',
    path: '/models/{adapter}',
    tags: ['predictions'],
    security: needsKey,
    request: {
      params: adapterInPath,
      headers: requestHeaders,
      body: { required: true, content: { 'application/json': { schema: Request } } },
    },
    responses: {
      ...answer('What a Hugging Face pipeline for the task answers.', Answer, { headers: predictionHeaders }),
      ...problems(...predictionProblems),
    },
  });
  return { route, body: Request };
}

export function addHuggingFace(app: OpenAPIHono<RequestEnv>, forms: Forms, services: AskingServices) {
  for (const { pipelineParametersName, pipelineParameters } of Object.values(forms))
    app.openAPIRegistry.register(pipelineParametersName, pipelineParameters);
  addJsonRoute(app, {
    ...huggingFaceRoute(forms),
    maxBodyBytes: services.limits.maxBodyBytes,
    async answer(c, { inputs, parameters = null }) {
      const answered = await ask(c, services, {
        reference: parsed(adapterInPath, c.req.param()).adapter,
        question(asking) {
          const form = forms[asking.adapter.manifest.task];
          return parsed(form.pipeline, { inputs, parameters })(asking);
        },
      });
      return answered.answer;
    },
  });
}
