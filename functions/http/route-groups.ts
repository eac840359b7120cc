/** The table of what is served: methods and paths, and the file that serves them. */
import { tasks } from '../artifacts/names.ts';
import { addPrediction } from './predictions.ts';
import type { RouteGroup } from './route-group.ts';
import type { Services } from './services.ts';
import { taskForms } from './tasks/forms.ts';

/** In the order of the OpenAPI document. Predictions are at hand; everything else is loaded when it is asked for. */
export function routeGroups(services: Services): RouteGroup[] {
  const forms = taskForms(services.limits);
  return [
    {
      serves: [
        ['POST', '/v1/batches'],
        ['GET', '/v1/batches'],
        ['GET', '/v1/batches/:id'],
        ['DELETE', '/v1/batches/:id'],
        ['GET', '/v1/batches/:id/results'],
      ],
      add: async routes => (await import('./batches.ts')).addBatches(routes, forms, services),
    },
    {
      serves: [
        ['GET', '/healthz'],
        ['GET', '/readyz'],
      ],
      add: async routes => (await import('./health.ts')).addHealth(routes, services),
    },
    {
      serves: [
        ['GET', '/v1/adapters'],
        ['GET', '/v1/adapters/:name'],
        ['DELETE', '/v1/adapters/:name'],
      ],
      add: async routes => (await import('./adapters.ts')).addAdapters(routes, services),
    },
    {
      serves: [['PUT', '/v1/adapters/:name/versions']],
      add: async routes => (await import('./push.ts')).addPush(routes, services),
    },
    ...tasks.map(
      (task): RouteGroup => ({
        serves: [['POST', `/v1/${task}`]],
        add: routes => addPrediction(routes, forms[task], services),
      }),
    ),
    {
      serves: [['POST', '/models/:adapter']],
      add: async routes => (await import('./hugging-face.ts')).addHuggingFace(routes, forms, services),
    },
    {
      serves: [
        ['POST', '/models/:adapter/predict'],
        ['POST', '/predict'],
      ],
      add: async routes =>
        (await import('./text-embeddings-inference.ts')).addTextEmbeddingsInference(routes, services),
    },
    {
      serves: [['GET', '/v1/usage']],
      add: async routes => (await import('./usage.ts')).addUsage(routes, services),
    },
  ];
}

/** Pages for people, which the OpenAPI document leaves out. */
export const pages: readonly RouteGroup[] = [
  {
    serves: [
      ['GET', '/docs'],
      ['GET', '/docs/start.js'],
      ['GET', '/docs/swagger-ui-bundle.js'],
      ['GET', '/docs/swagger-ui.css'],
    ],
    add: async routes => (await import('./docs.ts')).addDocs(routes),
  },
  {
    serves: [['GET', '/playground']],
    add: async routes => (await import('./playground/playground.ts')).addPlayground(routes),
  },
];
