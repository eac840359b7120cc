/**
 * A server of `bench -- http --stub` over an engine that computes nothing, in a process of its own. `bare`: Hono alone,
 * which parses the body and answers the same JSON. `route`: our prediction route without anything before it. `app`: all.
 */
import { once } from 'node:events';
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAdaptorServer } from '@hono/node-server';
import { OpenAPIHono } from '@hono/zod-openapi';
import { Hono } from 'hono';
import type { ResidentAdapter } from '../../functions/artifacts/adapter.ts';
import { createKey } from '../../functions/artifacts/keys.ts';
import type { AdapterManifest, BaseManifest } from '../../functions/artifacts/manifests.ts';
import type { Base } from '../../functions/base.ts';
import { createApp } from '../../functions/http/app.ts';
import type { RequestEnv } from '../../functions/http/context.ts';
import { addPrediction } from '../../functions/http/predictions.ts';
import { openServices, type Services } from '../../functions/http/services.ts';
import { taskForms } from '../../functions/http/tasks/forms.ts';
import { openMetrics } from '../../functions/metrics.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import { startStopwatch } from '../../functions/timed.ts';

export type StubKind = 'bare' | 'route' | 'app';
export interface StubServer {
  url: string;
  key: string;
}

const path = '/v1/classification';
const tenant = 'bench';
const question = { model: 'support', inputs: 'Where is my parcel? It was due on Monday.' };

const manifest = {
  task: 'classification',
  problem: 'single-label',
  labels: ['delivery', 'damaged', 'refund', 'account'],
  maxLength: 128,
  stride: 32,
} as AdapterManifest;
const adapter = { digest: 'd'.repeat(64), manifest } as ResidentAdapter;

const base: Base = {
  manifest: {} as BaseManifest,
  tokenizer: {
    encode: () => ({
      ids: Int32Array.of(2, 3),
      starts: Int32Array.of(0, 4),
      ends: Int32Array.of(4, 8),
      words: Int32Array.of(0, 1),
    }),
    padId: 0,
    unkId: 1,
    continuingPrefix: '##',
    piece: String,
    single: [
      { special: 4, typeId: 0 },
      { sequence: 'A', typeId: 0 },
      { special: 5, typeId: 0 },
    ],
    pair: [
      { sequence: 'A', typeId: 0 },
      { sequence: 'B', typeId: 1 },
    ],
  },
  engine: {
    base: {} as BaseManifest,
    run: async rows => rows.map(() => Float32Array.of(4, 3, 2, 1)),
    warm: async () => {},
    close: async () => {},
  },
};

async function openStub(folder: string): Promise<{ services: Services; key: string }> {
  const store = openDirectoryStore(folder);
  const rate = { requestsPerMinute: 999_999_999, tokensPerMinute: 999_999_999 };
  const { key } = await createKey(store, { tenant, scopes: ['predict'], expiresAt: null, rate });
  const opened = openServices({
    store,
    baseName: 'stub',
    cacheDir: 'unused',
    workers: 0,
    metrics: openMetrics({ byTenant: false }),
  });
  const adapters = { ...opened.adapters, get: async () => adapter };
  return { services: { ...opened, base: async () => base, adapters }, key };
}

function routeAlone(services: Services): OpenAPIHono<RequestEnv> {
  const app = new OpenAPIHono<RequestEnv>();
  app.use(async (c, next) => {
    c.set('fields', {});
    c.set('tenant', tenant);
    c.set('stopwatch', startStopwatch());
    await next();
  });
  addPrediction(app, taskForms(services.limits).classification, services);
  return app;
}

async function bare(app: OpenAPIHono<RequestEnv>): Promise<Hono> {
  const headers = { 'content-type': 'application/json' };
  const answer = (await (
    await app.request(path, { method: 'POST', headers, body: JSON.stringify(question) })
  ).json()) as object;
  return new Hono().post(path, async c => {
    await c.req.json();
    return c.json(answer);
  });
}

const folder = await mkdtemp(join(tmpdir(), 'veneer-bench-'));
const { services, key } = await openStub(folder);
const kind = process.argv[2] as StubKind;
const route = routeAlone(services);
const app = kind === 'app' ? createApp(services) : kind === 'route' ? route : await bare(route);
const server = createAdaptorServer({ fetch: app.fetch });
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const started: StubServer = { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`, key };
process.send!(started);
process.on('message', () => process.send!(process.cpuUsage()));
process.on('disconnect', () => {
  rmSync(folder, { recursive: true });
  process.exit();
});
