/** The HTTP surface: which middleware stands before which routes. Everything it needs is an argument. */
import { OpenAPIHono } from '@hono/zod-openapi';
import { VeneerError } from '../error.ts';
import { addAdapters } from './adapters.ts';
import { openKeyring, requireScope, scopeOf } from './auth.ts';
import { addBatches } from './batches.ts';
import type { RequestEnv } from './context.ts';
import { addDocs } from './docs.ts';
import { addHealth } from './health.ts';
import { addHuggingFace } from './hugging-face.ts';
import { InvalidFields } from './issues.ts';
import { knownMethod } from './known-method.ts';
import { limitRates } from './limits.ts';
import { exposed, metricsPath } from './metrics.ts';
import { observed } from './observed.ts';
import { addOpenapi } from './openapi.ts';
import { addPlayground } from './playground/playground.ts';
import { addPrediction } from './predictions.ts';
import { renderProblem } from './problem.ts';
import { addPush } from './push.ts';
import { requestId } from './request-id.ts';
import type { Services } from './services.ts';
import { taskForms } from './tasks/forms.ts';
import { addTextEmbeddingsInference } from './text-embeddings-inference.ts';
import { addUsage } from './usage.ts';

export function createApp(services: Services): OpenAPIHono<RequestEnv> {
  const app = new OpenAPIHono<RequestEnv>({
    defaultHook(result) {
      if (!result.success) throw new InvalidFields(result.error.issues);
    },
  });
  app.onError(renderProblem);
  app.notFound(c =>
    renderProblem(new VeneerError('not_found', 'nothing is served here: see /openapi.json'), c),
  );
  app.use(requestId, observed(services), knownMethod(app));

  const forms = taskForms(services.limits);
  const keyring = openKeyring(services);
  const behindKey = ['/v1/*', '/models/*', '/predict/*'];
  const [authenticate, limit] = [requireScope(keyring, scopeOf), limitRates(services)];
  for (const path of behindKey) app.use(path, authenticate, limit);
  addBatches(app, forms, services);

  addHealth(app, services);
  if (services.metrics) app.get(metricsPath, requireScope(keyring, 'admin'), exposed(services.metrics));
  addAdapters(app, services);
  addPush(app, services);
  for (const form of Object.values(forms)) addPrediction(app, form, services);
  addHuggingFace(app, forms, services);
  addTextEmbeddingsInference(app, services);
  addUsage(app, services);
  addOpenapi(app);
  addDocs(app);
  addPlayground(app);
  return app;
}
