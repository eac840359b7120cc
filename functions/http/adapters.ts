/** GET /v1/adapters, GET and DELETE /v1/adapters/{name}: what the key's tenant has. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { deleteAdapter } from '../artifacts/deletion.ts';
import { describeAdapter, listAdapters } from '../artifacts/listing.ts';
import { Problem } from '../artifacts/manifests.ts';
import { adapterNameRule, tasks } from '../artifacts/names.ts';
import type { RequestEnv } from './context.ts';
import { answer, keyProblems, needsKey, problems } from './responses.ts';
import type { Services } from './services.ts';

const Digest = z.string().openapi({ description: 'SHA-256, 64 lower-case hexadecimal digits.' });
const Metrics = z.record(z.string(), z.number());

export const AdapterList = z
  .object({
    adapters: z.array(z.object({ name: z.string(), versions: z.int(), aliases: z.array(z.string()) })),
  })
  .openapi('AdapterList');

export const Adapter = z
  .object({
    name: z.string(),
    versions: z.array(
      z.object({
        digest: Digest,
        task: z.enum(tasks),
        problem: z.enum(Problem.options).openapi({ description: 'What classification gives.' }),
        labels: z.array(z.string()),
        base: z.object({ name: z.string(), digest: Digest, tokenizer: Digest }),
        metrics: z.object({ trained: Metrics, served: Metrics }),
      }),
    ),
    aliases: z.record(
      z.string(),
      z.object({
        digest: Digest,
        previous: Digest.nullable(),
        updated_at: z.string(),
        canary: z.object({ digest: Digest, percent: z.number() }).optional().openapi({
          description: 'A version that answers this share of the requests.',
        }),
        shadow: Digest.optional().openapi({
          description: 'SHA-256 of a version whose answers are compared, and never sent.',
        }),
      }),
    ),
  })
  .openapi('Adapter');

const listRoute = createRoute({
  method: 'get',
  path: '/v1/adapters',
  tags: ['adapters'],
  security: needsKey,
  responses: { ...answer('Adapters by name.', AdapterList), ...problems(...keyProblems) },
});

const describeRoute = createRoute({
  method: 'get',
  path: '/v1/adapters/{name}',
  tags: ['adapters'],
  security: needsKey,
  request: { params: z.object({ name: z.string().regex(...adapterNameRule) }) },
  responses: {
    ...answer('Its versions, in the order of their digests, and its aliases.', Adapter),
    ...problems(...keyProblems, 'not_found', 'invalid_request', 'digest_mismatch', 'invalid_artifact'),
  },
});

export const Deleted = z
  .object({ name: z.string(), versions: z.array(Digest), aliases: z.array(z.string()) })
  .openapi('DeletedAdapter');

const deleteRoute = createRoute({
  method: 'delete',
  path: '/v1/adapters/{name}',
  tags: ['adapters'],
  description:
    'Needs the scope push. Afterwards the adapter is like one that never was; what was loaded answers for a few seconds more.',
  security: needsKey,
  request: { params: z.object({ name: z.string().regex(...adapterNameRule) }) },
  responses: {
    ...answer('The versions and aliases that are gone.', Deleted),
    ...problems(...keyProblems, 'not_found', 'invalid_request'),
  },
});

export function addAdapters(app: OpenAPIHono<RequestEnv>, { store }: Pick<Services, 'store'>) {
  app.openapi(listRoute, async c => {
    const list: z.infer<typeof AdapterList> = { adapters: await listAdapters(store, c.get('tenant')) };
    return c.json(list);
  });
  app.openapi(describeRoute, async c => {
    const { name, versions, aliases } = await describeAdapter(
      store,
      c.get('tenant'),
      c.req.valid('param').name,
    );
    const adapter: z.infer<typeof Adapter> = {
      name,
      versions,
      aliases: Object.fromEntries(
        Object.entries(aliases).map(([alias, { updatedAt, ...rest }]) => [
          alias,
          { ...rest, updated_at: updatedAt },
        ]),
      ),
    };
    return c.json(adapter);
  });
  app.openapi(deleteRoute, async c => {
    const { name } = c.req.valid('param');
    const { versions, aliases } = await deleteAdapter(store, c.get('tenant'), name);
    const deleted: z.infer<typeof Deleted> = { name, versions, aliases };
    return c.json(deleted);
  });
}
