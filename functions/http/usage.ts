/** GET /v1/usage: what the tenant used in a month, by adapter. */
import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { monthOf, monthRule } from '../usage/document.ts';
import type { RequestEnv } from './context.ts';
import { answer, keyProblems, needsKey, problems } from './responses.ts';
import type { Services } from './services.ts';

const Counts = {
  requests: z.int().openapi({ description: 'Requests, or lines of a batch, that were answered.' }),
  tokens: z.int().openapi({ description: 'Tokens computed, special tokens counted.' }),
  windows: z.int(),
};

export const UsageReport = z
  .object({
    tenant: z.string(),
    month: z.string().openapi({ description: 'UTC.', example: '2027-12' }),
    total: z.object(Counts),
    adapters: z.array(z.object({ name: z.string(), ...Counts })),
  })
  .openapi('UsageReport');

const route = createRoute({
  method: 'get',
  path: '/v1/usage',
  tags: ['usage'],
  security: needsKey,
  request: {
    query: z.object({
      month: z
        .string()
        .regex(...monthRule)
        .optional()
        .openapi({ description: 'This month, if left out.', example: '2027-12' }),
    }),
  },
  responses: {
    ...answer('Sums by adapter name. Other servers’ newest counts may follow a little later.', UsageReport),
    ...problems(...keyProblems, 'invalid_artifact'),
  },
});

export function addUsage(app: OpenAPIHono<RequestEnv>, { usage, now }: Pick<Services, 'usage' | 'now'>) {
  app.openapi(route, async c => {
    const tenant = c.get('tenant');
    const month = c.req.valid('query').month ?? monthOf(now());
    const adapters = [...(await usage.read({ tenant, month }))]
      .map(([name, counts]) => ({ name, ...counts }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    const total = { requests: 0, tokens: 0, windows: 0 };
    for (const { requests, tokens, windows } of adapters) {
      total.requests += requests;
      total.tokens += tokens;
      total.windows += windows;
    }
    const report: z.infer<typeof UsageReport> = { tenant, month, total, adapters };
    return c.json(report);
  });
}
