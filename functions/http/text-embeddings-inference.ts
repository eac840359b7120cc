/**
 * POST /models/{adapter}/predict and POST /predict: text classification in the shape of Hugging Face's
 * text-embeddings-inference. Its client takes `<server>/models/<adapter>` for its base URL, or adds `model` to the body.
 */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { predict } from '../predict.ts';
import { type ClassificationInput, classification, classificationOptions } from '../tasks/classification.ts';
import { type AskingServices, ask } from './asking.ts';
import type { RequestEnv } from './context.ts';
import { parsed } from './issues.ts';
import { addJsonRoute } from './json-route.ts';
import { predictionProblems } from './predictions.ts';
import {
  adapterInPath,
  adapterReference,
  answer,
  needsKey,
  predictionHeaders,
  problems,
  requestHeaders,
} from './responses.ts';
import type { Limits } from './services.ts';

const Prediction = z.object({ score: z.number(), label: z.string() });
const Predictions = z.union([z.array(Prediction), z.array(z.array(Prediction))]).openapi('Predictions', {
  description: 'Of one text all labels, the highest score first; of a batch a list of those.',
});

const inputOf = ([text, pair]: readonly string[]): ClassificationInput => ({
  text: text!,
  ...(pair === undefined ? {} : { pair }),
});

const isText = (each: string | string[]) => typeof each === 'string';
const isBatch = (given: (string | string[])[]): given is string[][] => !given.some(isText);

function requestOf({ maxInputs, maxTextLength }: Limits) {
  const text = z.string().max(maxTextLength);
  const pair = z.array(text).min(1).max(2);
  const several = z
    .array(z.union([text, pair]))
    .min(1)
    .max(Math.max(2, maxInputs));
  // The document says it branch by branch, the validation all at once: so its one message is about what was meant.
  const oneText = { type: 'string' as const, maxLength: maxTextLength };
  const onePair = { type: 'array' as const, minItems: 1, maxItems: 2, items: oneText };
  const expected = {
    error: `expected a text, [text, text_pair], or a batch of 1 to ${maxInputs}: [[text], [text, text_pair]]`,
  };
  return z.looseObject({
    inputs: z
      .union([text, several], expected)
      .transform(given => (typeof given === 'string' ? [given] : given))
      .refine(given => isBatch(given) || (given.length <= 2 && given.every(isText)), expected)
      .transform(given =>
        isBatch(given)
          ? { many: true, inputs: given.map(inputOf) }
          : { many: false, inputs: [inputOf(given as string[])] },
      )
      .openapi('PredictInputs', {
        description: 'A text, `[text, text_pair]`, or a batch `[[text], [text, text_pair]]`.',
        anyOf: [oneText, onePair, { type: 'array', minItems: 1, maxItems: maxInputs, items: onePair }],
      }),
    raw_scores: z.boolean().nullish().openapi({ description: 'Whether scores are logits.' }),
    truncate: z.boolean().nullish().openapi({
      description:
        'Whether a long text is cut after its first window. Left out: it is read in several windows.',
    }),
    truncation_direction: z
      .enum(['right', 'Right'], 'texts are cut at their end only: leave it out')
      .nullish(),
  });
}

export function addTextEmbeddingsInference(app: OpenAPIHono<RequestEnv>, services: AskingServices) {
  const Request = requestOf(services.limits);
  const route = <Path extends string, Body extends z.ZodType, Params extends z.ZodObject>(
    path: Path,
    schema: Body,
    params: Params,
  ) =>
    createRoute({
      method: 'post',
      path,
      tags: ['predictions'],
      security: needsKey,
      request: {
        params,
        headers: requestHeaders,
        body: { required: true, content: { 'application/json': { schema } } },
      },
      responses: {
        ...answer('What text-embeddings-inference answers.', Predictions, { headers: predictionHeaders }),
        ...problems(...predictionProblems),
      },
    });
  const answered = async (
    c: Parameters<typeof ask>[0],
    reference: string,
    { inputs: { many, inputs }, raw_scores, truncate }: z.infer<typeof Request>,
  ) => {
    const { outputs } = await ask(c, services, {
      reference,
      question: asking =>
        predict({
          ...asking,
          ...{ task: classification, inputs },
          options: {
            ...classificationOptions(asking.adapter.manifest),
            scores: raw_scores ? 'none' : undefined,
          },
          windows: { truncate: truncate ?? false },
        }),
    });
    const predictions = outputs.map(({ ranked }) => ranked.map(({ label, score }) => ({ score, label })));
    return many ? predictions : predictions[0]!;
  };
  const { maxBodyBytes } = services.limits;
  addJsonRoute(app, {
    route: route('/models/{adapter}/predict', Request, adapterInPath),
    body: Request,
    maxBodyBytes,
    answer: (c, body) => answered(c, parsed(adapterInPath, c.req.param()).adapter, body),
  });
  const WithModel = Request.extend({ model: adapterReference });
  addJsonRoute(app, {
    route: route('/predict', WithModel, z.object({})),
    body: WithModel,
    maxBodyBytes,
    answer: (c, body) => answered(c, body.model, body),
  });
}
