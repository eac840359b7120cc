import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { Batch } from '../../functions/batches/document.ts';
import { createApp } from '../../functions/http/app.ts';
import { batchWork } from '../../functions/http/batch-work.ts';
import { openServices } from '../../functions/http/services.ts';
import { keyFor, posting, type Serving, serving } from './tenants.ts';

let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());

async function usageOf(key: string, { query = '', headers = {}, app = world.app } = {}) {
  const response = await app.request(`/v1/usage${query}`, {
    headers: { authorization: `Bearer ${key}`, ...headers },
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown> };
}

describe('GET /v1/usage', () => {
  it('has what answers said that they took, by adapter, through every route, and no refused request', async () => {
    const expected: Record<string, { requests: number; tokens: number; windows: number }> = {};
    const long = 'a word '.repeat(30);
    const requests: [string, string, object, number][] = [
      ['/v1/classification', 'support', { model: 'support', inputs: ['my card', long, { text: 7 }] }, 200],
      ['/v1/classification', 'support', { model: 'support@live', inputs: 'my card' }, 200],
      ['/models/entities', 'entities', { inputs: 'Ada wrote to Grace' }, 200],
      ['/models/support/predict', 'support', { inputs: [['one'], ['two']] }, 200],
      ['/predict', 'support', { model: 'support', inputs: 'one' }, 200],
      [
        '/v1/question-answering',
        'answers',
        { model: 'answers', inputs: { question: 'who', context: 'Ada did' } },
        200,
      ],
      ['/v1/classification', '', { model: 'nothing', inputs: 'my card' }, 404],
      ['/v1/classification', '', { model: 'support', inputs: [] }, 422],
      ['/v1/classification', '', { model: 'entities', inputs: 'my card' }, 409],
    ];
    for (const [path, adapter, body, status] of requests) {
      const response = await world.app.request(path, posting(world.key, body));
      expect(response.status).toBe(status);
      if (status !== 200) continue;
      const counts = expected[adapter] ?? { requests: 0, tokens: 0, windows: 0 };
      expected[adapter] = counts;
      counts.requests++;
      counts.tokens += Number(response.headers.get('x-compute-tokens'));
      const windows = response.headers.get('x-compute-windows')!.split(',').map(Number);
      counts.windows += windows.reduce((sum, each) => sum + each, 0);
    }
    expect(expected.support!.windows).toBeGreaterThan(5);
    const { status, body } = await usageOf(world.key);
    expect(status).toBe(200);
    const month = world.clock.now.toISOString().slice(0, 7);
    expect(body).toMatchObject({ tenant: 'acme', month });
    expect(body.adapters).toEqual(
      ['answers', 'entities', 'support'].map(name => ({ name, ...expected[name] })),
    );
    const all = Object.values(expected);
    const sum = (field: 'requests' | 'tokens' | 'windows') =>
      all.reduce((total, each) => total + each[field], 0);
    expect(body.total).toEqual({ requests: sum('requests'), tokens: sum('tokens'), windows: sum('windows') });
  });

  it('is the own tenant’s, and for an admin who says so another’s', async () => {
    const bolts = { total: { requests: 0 }, tenant: 'bolt', adapters: [] };
    expect((await usageOf(world.otherKey)).body).toMatchObject(bolts);
    const headers = { 'x-veneer-tenant': 'acme' };
    expect((await usageOf(world.otherKey, { headers })).status).toBe(403);
    const admin = await keyFor(world.store, 'bolt', { scopes: ['admin'] });
    expect((await usageOf(admin, { headers })).body).toMatchObject({ tenant: 'acme' });
  });

  it('counts what an admin asks for another tenant as that tenant’s', async () => {
    const admin = await keyFor(world.store, 'acme', { scopes: ['admin'] });
    const asked = posting(admin, { model: 'other', inputs: 'a b' }, { 'x-veneer-tenant': 'bolt' });
    expect((await world.app.request('/v1/classification', asked)).status).toBe(200);
    expect((await usageOf(world.otherKey)).body).toMatchObject({
      adapters: [{ name: 'other', requests: 1, tokens: 4, windows: 1 }],
    });
  });

  it('has the lines of batches', async () => {
    const counts = { requests: 900, tokens: 9_000, windows: 901 };
    const batch = { tenant: 'corp', model: { name: 'support', digest: world.digests.support } } as Batch;
    await batchWork(world.services).count(batch, counts);
    expect((await usageOf(await keyFor(world.store, 'corp'))).body).toMatchObject({
      adapters: [{ name: 'support', ...counts }],
    });
  });

  it('takes a month, and nothing that is none', async () => {
    expect((await usageOf(world.key, { query: '?month=2001-01' })).body).toMatchObject({
      month: '2001-01',
      adapters: [],
    });
    for (const query of [
      '?month=',
      '?month=2027-13',
      '?month=2027-1',
      '?month=../keys',
      '?month=2027-01%2f..',
    ])
      expect((await usageOf(world.key, { query })).status).toBe(422);
  });
});

describe('a server that stops', () => {
  it('has written all that it counted', async () => {
    const stopped = await serving();
    const services = openServices({ store: stopped.store, baseName: 'tiny', cacheDir: 'unused', workers: 0 });
    const app = createApp({ ...stopped.services, usage: services.usage });
    for (let i = 0; i < 3; i++)
      await app.request('/v1/classification', posting(stopped.key, { model: 'support', inputs: 'my card' }));
    const counted = { adapters: [{ name: 'support', requests: 3, tokens: 12, windows: 3 }] };
    expect((await usageOf(stopped.key)).status).toBe(401);
    expect((await usageOf(stopped.key, { app: stopped.app })).body).toMatchObject({ adapters: [] });
    await services.close();
    expect((await usageOf(stopped.key, { app: stopped.app })).body).toMatchObject(counted);
    await stopped.remove();
  });

  it('says in its log that counts are lost where the store takes none', async () => {
    const logged: string[] = [];
    const spy = vi.spyOn(process.stderr, 'write').mockImplementation(line => logged.push(String(line)) > 0);
    const store = {
      ...world.store,
      url: world.store.url,
      put: async () => Promise.reject(new Error('down')),
    };
    const services = openServices({ store, baseName: 'tiny', cacheDir: 'unused', workers: 0 });
    await services.usage.count(
      { tenant: 'acme', adapter: 'support' },
      { requests: 1, tokens: 1, windows: 1 },
    );
    await services.close();
    spy.mockRestore();
    expect(logged.map(line => JSON.parse(line))).toMatchObject([{ level: 'error' }]);
  });
});
