/** What /metrics says of requests that were really made, who may read it, and that nothing a client sends becomes a label. */
import { afterEach, describe, expect, it } from 'vitest';
import { openMetrics } from '../../functions/metrics.ts';
import { maxTenants } from '../../functions/request-counts.ts';
import { stages } from '../../functions/timed.ts';
import { readExposition, total } from './exposition.ts';
import { keyFor, posting, type Serving, serving } from './tenants.ts';

let world: Serving;
let removed: (() => Promise<void>) | undefined;
afterEach(async () => {
  await removed?.();
  removed = undefined;
});

async function open({ byTenant = false } = {}) {
  const metrics = openMetrics({ byTenant });
  world = await serving({ metrics });
  removed = world.remove;
  metrics.readAdapters(world.services.adapters.stats);
  const adminKey = await keyFor(world.store, 'acme', { scopes: ['admin'] });
  const scrape = (key = adminKey) =>
    world.app.request('/metrics', { headers: { authorization: `Bearer ${key}` } });
  const read = async () => readExposition(await (await scrape()).text());
  const ask = async (path: string, init?: RequestInit) => (await world.app.request(path, init)).status;
  return { metrics, scrape, read, ask };
}

const good = { model: 'support', inputs: ['my card', 'a new card please'] };

describe('metrics', () => {
  it('are for an admin alone, and not there where nothing is counted', async () => {
    const { scrape } = await open();
    const response = await scrape();
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4; charset=utf-8');
    expect((await scrape(world.key)).status).toBe(403);
    expect((await scrape('vn_acme_nothing')).status).toBe(401);
    expect((await world.app.request('/metrics')).status).toBe(401);
    await world.remove();
    world = await serving();
    removed = world.remove;
    const admin = await keyFor(world.store, 'acme', { scopes: ['admin'] });
    const headers = { authorization: `Bearer ${admin}` };
    expect((await world.app.request('/metrics', { headers })).status).toBe(404);
  });

  it('count requests by method, route, status and task', async () => {
    const { read, ask } = await open();
    expect(await ask('/v1/classification', posting(world.key, good))).toBe(200);
    expect(await ask('/v1/classification', posting(world.key, good))).toBe(200);
    expect(await ask('/models/support', posting(world.key, { inputs: 'my card' }))).toBe(200);
    expect(await ask('/v1/sequence-labeling', posting(world.key, good))).toBe(409);
    expect(await ask('/v1/classification', posting('wrong', good))).toBe(401);
    expect(await ask('/v1/classification', posting(world.key, '{'))).toBe(400);
    const families = await read();
    const requests = (labels: Record<string, string>) =>
      total(families, 'veneer_http_requests_total', labels);
    const route = '/v1/classification';
    expect(requests({ route, status: '200', task: 'classification', method: 'POST' })).toBe(2);
    expect(requests({ route, status: '401', task: '' })).toBe(1);
    expect(requests({ route, status: '400' })).toBe(1);
    expect(requests({ route: '/models/:adapter', task: 'classification' })).toBe(1);
    expect(requests({ route: '/v1/sequence-labeling', status: '409' })).toBe(1);
    expect(requests({})).toBe(6);
    expect(total(families, 'veneer_http_request_duration_seconds_count')).toBe(6);
    for (const code of ['wrong_task', 'unauthenticated', 'invalid_json'])
      expect(total(families, 'veneer_http_problems_total', { code })).toBe(1);
    // The scrape itself.
    expect(total(families, 'veneer_http_requests_in_flight')).toBe(1);
    // [CLS] my card [SEP], [CLS] a new card please [SEP], twice; and the first once more.
    expect(total(families, 'veneer_tokens_total', { task: 'classification' })).toBe(2 * (4 + 6) + 4);
    expect(total(families, 'veneer_windows_total')).toBe(5);
  });

  it('have the time of each stage, and the state of the adapters in memory', async () => {
    const { read, ask } = await open();
    for (const _ of [1, 2, 3]) await ask('/v1/classification', posting(world.key, good));
    const families = await read();
    for (const stage of stages.slice(1))
      expect(total(families, 'veneer_stage_duration_seconds_count', { stage })).toBe(3);
    const stats = world.services.adapters.stats();
    expect(stats).toMatchObject({ hits: 2, misses: 1, resident: 1 });
    const cache = (name: string) => total(families, `veneer_adapter_cache_${name}`);
    expect(cache('bytes')).toBe(stats.residentBytes);
    expect(['hits_total', 'misses_total', 'evictions_total', 'adapters'].map(cache)).toEqual([2, 1, 0, 1]);
    // Counters of another's state must not grow with each scrape.
    expect(total(await read(), 'veneer_adapter_cache_hits_total')).toBe(2);
  });

  it('say what an engine and a load told', async () => {
    const { metrics, read } = await open();
    metrics.engine.waiting(7);
    metrics.engine.batch({ rows: 3, tokens: 24, paddedTokens: 30, waitedMs: [1, 20, 300], runMs: 40 });
    metrics.engine.batch({ rows: 1, tokens: 10, paddedTokens: 10, waitedMs: [0], runMs: 4 });
    metrics.engine.restarted();
    metrics.adapterLoaded(30);
    const families = await read();
    const value = (name: string, labels = {}) => total(families, `veneer_${name}`, labels);
    expect(value('engine_queue_rows')).toBe(7);
    expect([value('engine_batch_rows_sum'), value('engine_batch_rows_count')]).toEqual([4, 2]);
    expect(value('engine_padding_ratio_sum')).toBeCloseTo(0.2, 12);
    expect(value('engine_padding_ratio_bucket', { le: '0' })).toBe(1);
    expect([value('engine_tokens_total'), value('engine_padding_tokens_total')]).toEqual([34, 6]);
    expect(value('engine_wait_seconds_count')).toBe(4);
    expect(value('engine_run_seconds_sum')).toBeCloseTo(0.044, 12);
    expect(value('engine_worker_restarts_total')).toBe(1);
    expect(value('adapter_cache_load_seconds_sum')).toBeCloseTo(0.03, 12);
    expect(value('engine_run_seconds_bucket', { le: '10' })).toBe(2);
  });

  it('have every family described, and the process besides', async () => {
    const families = await (await open()).read();
    expect([...families.keys()].filter(name => name.startsWith('veneer_')).length).toBeGreaterThan(15);
    for (const name of [
      'process_resident_memory_bytes',
      'process_cpu_seconds_total',
      'nodejs_eventloop_lag_p99_seconds',
    ])
      expect(families.get(name)?.samples.length, name).toBe(1);
  });
});

describe('labels', () => {
  it('are never what a client sends: neither paths, methods nor tenants', async () => {
    const { scrape, ask } = await open();
    const secret = 'zebra';
    await ask(`/${secret}?key=${secret}`);
    await ask(`/v1/${secret}`, posting(world.key, good));
    await ask(`/models/${secret}`, posting(world.key, { inputs: secret }));
    await ask(`/models/${secret}/predict`, posting(world.key, { inputs: secret }));
    await ask(`/v1/adapters/${secret}`, { headers: { authorization: `Bearer ${world.key}` } });
    await ask('/healthz', { method: 'ZEBRA' });
    const text = await (await scrape()).text();
    expect(text.toLowerCase()).not.toContain(secret);
    for (const name of ['acme', 'support', world.key, world.digests.support])
      expect(text).not.toContain(name);
    const families = readExposition(text);
    const routes = families.get('veneer_http_requests_total')!.samples.map(({ labels }) => labels.route);
    expect(new Set(routes)).toEqual(
      new Set(['unmatched', '/models/:adapter', '/models/:adapter/predict', '/v1/adapters/:name']),
    );
    expect(total(families, 'veneer_http_requests_total', { method: 'other', route: 'unmatched' })).toBe(1);
  });

  it('tell tenants apart where that is asked for', async () => {
    const { read, ask } = await open({ byTenant: true });
    await ask('/v1/classification', posting(world.key, good));
    await ask('/v1/classification', posting(world.otherKey, { model: 'other', inputs: 'a' }));
    await ask('/v1/classification', posting('wrong', good));
    const families = await read();
    for (const [tenant, count] of [
      ['acme', 1],
      ['bolt', 1],
      ['', 1],
    ] as const)
      expect(total(families, 'veneer_http_requests_total', { tenant })).toBe(count);
    expect(total(families, 'veneer_tokens_total', { tenant: 'bolt' })).toBe(3);
  });

  it('stay bounded however many tenants there are', async () => {
    const { metrics, read } = await open({ byTenant: true });
    const request = { requestId: '', method: 'GET', route: '/v1/adapters', status: 200, ms: 1 };
    for (let i = 0; i < maxTenants + 500; i++) {
      metrics.arrived();
      metrics.answered({ ...request, tenant: `t${i}` });
    }
    metrics.answered({ ...request, tenant: 't0' });
    const families = await read();
    expect(families.get('veneer_http_requests_total')!.samples.length).toBe(maxTenants + 1);
    expect(total(families, 'veneer_http_requests_total', { tenant: '_other' })).toBe(500);
    expect(total(families, 'veneer_http_requests_total', { tenant: 't0' })).toBe(2);
  });
});

describe('the strict reader', () => {
  it.each([
    ['no HELP', '# TYPE a_total counter\na_total 1\n'],
    ['a series twice', '# HELP a x\n# TYPE a gauge\na{b="1",c="2"} 1\na{c="2",b="1"} 2\n'],
    ['a family twice', '# HELP a x\n# TYPE a gauge\na 1\n# TYPE a gauge\n'],
    ['a counter without _total', '# HELP a x\n# TYPE a counter\na 1\n'],
    ['a sample outside its family', '# HELP a x\n# TYPE a gauge\nb 1\n'],
    ['a broken label', '# HELP a x\n# TYPE a gauge\na{b="1} 1\n'],
    [
      'buckets that fall',
      '# HELP a x\n# TYPE a histogram\na_bucket{le="1"} 2\na_bucket{le="+Inf"} 1\na_sum 1\na_count 1\n',
    ],
    ['no end', '# HELP a x\n# TYPE a gauge\na 1'],
  ])('refuses %s', (_what, text) => {
    expect(() => readExposition(text)).toThrow();
  });
});
