/** PUT /v1/adapters/{name}/versions: pushes a finished adapter with the gates of `trainer push-adapter`. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { parseDocument } from '../artifacts/document.ts';
import { AdapterManifest } from '../artifacts/manifests.ts';
import { adapterNameRule, aliasNameRule } from '../artifacts/names.ts';
import { parseMinMetric } from '../gates.ts';
import { publish } from '../publish.ts';
import type { RequestEnv } from './context.ts';
import { multipartBody } from './multipart.ts';
import { answer, keyProblems, needsKey, problems } from './responses.ts';
import type { Services } from './services.ts';

const uploadsAtOnce = 4;

const file = (description: string) =>
  z
    .custom<File>(part => part instanceof File, 'send it once, as a file')
    .openapi({ type: 'string', format: 'binary', description });

const Files = z.strictObject({
  'manifest.json': file('Its bytes are the version: their SHA-256 is its digest.'),
  'adapter.safetensors': file('The tensors, with the digest that the manifest says.'),
});

const MinMetric = z
  .string()
  .max(200)
  .transform((text, { addIssue }) => {
    const parsed = parseMinMetric(text);
    if (!parsed) addIssue('write metric=value, e.g. accuracy=0.9');
    return parsed ?? z.NEVER;
  });

export const Query = z.object({
  alias: z
    .string()
    .regex(...aliasNameRule)
    .optional()
    .openapi({ description: 'Alias that shall point to it. Left out: live.' }),
  minMetric: z
    .union([MinMetric.transform(each => [each]), z.array(MinMetric).max(20)])
    .optional()
    .openapi({
      type: 'array',
      items: { type: 'string' },
      description: 'Refuse it below this served metric; may be repeated.',
      example: ['accuracy=0.9'],
    }),
  maxDrop: z.coerce.number().min(0).max(1).optional().openapi({
    description: 'Refuse it if quantization costs more of the main metric, as a fraction.',
    example: 0.005,
  }),
});

const quotedDigest = /^"([0-9a-f]{64})"$/;
const Headers = z.object({
  'if-match': z.string().regex(quotedDigest, 'write the digest in double quotes').optional().openapi({
    description: 'Digest of the version that the alias must still point to, in double quotes.',
  }),
  'if-none-match': z
    .literal('*', 'write *, or leave it out')
    .optional()
    .openapi({ description: 'The alias must not be there yet.' }),
});

export const Pushed = z
  .object({
    name: z.string(),
    digest: z.string().openapi({ description: 'SHA-256 of the manifest: the version.' }),
    alias: z.string(),
    created: z.boolean().openapi({ description: 'Whether the version was not there before.' }),
  })
  .openapi('PushedVersion');

const description = 'The version is in the store, and the alias points to it.';

const route = createRoute({
  method: 'put',
  path: '/v1/adapters/{name}/versions',
  tags: ['adapters'],
  description: 'Needs the scope push. Pushing the same bytes again changes nothing.',
  security: needsKey,
  request: {
    params: z.object({ name: z.string().regex(...adapterNameRule) }),
    query: Query,
    headers: Headers,
    body: { required: true, content: { 'multipart/form-data': { schema: Files } } },
  },
  responses: {
    ...answer(`${description} It was there before.`, Pushed),
    ...answer(description, Pushed, { status: 201 }),
    ...problems(
      ...keyProblems,
      'invalid_json',
      'not_found',
      'conflict',
      'digest_mismatch',
      'payload_too_large',
      'invalid_request',
      'invalid_artifact',
      'gate_failed',
      'rate_limited',
    ),
  },
});

export function addPush(app: OpenAPIHono<RequestEnv>, { store, limits }: Pick<Services, 'store' | 'limits'>) {
  app.on(
    'PUT',
    route.getRoutingPath(),
    multipartBody({ maxBytes: limits.maxAdapterBytes, atOnce: uploadsAtOnce }),
  );
  app.openapi(route, async c => {
    const files = c.req.valid('form');
    const { alias = 'live', minMetric = [], maxDrop } = c.req.valid('query');
    const conditions = c.req.valid('header');
    const standing = quotedDigest.exec(conditions['if-match'] ?? '')?.[1];
    const [manifestBytes, tensors] = await Promise.all(
      [files['manifest.json'], files['adapter.safetensors']].map(
        async part => new Uint8Array(await part.arrayBuffer()),
      ),
    );
    const adapter = {
      manifest: parseDocument(AdapterManifest, manifestBytes!, 'manifest.json'),
      manifestBytes: manifestBytes!,
      files: { 'adapter.safetensors': tensors! },
    };
    const { tenant: _tenant, ...pushed } = await publish(store, adapter, {
      tenant: c.get('tenant'),
      name: c.req.valid('param').name,
      alias,
      expect: conditions['if-none-match'] === undefined ? standing : null,
      minMetrics: Object.fromEntries(minMetric),
      maxDrop,
    });
    return c.json(pushed, pushed.created ? 201 : 200);
  });
}
