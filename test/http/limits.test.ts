import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Rate } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import { createApp } from '../../functions/http/app.ts';
import { openStoreLimiter } from '../../functions/limits/store.ts';
import { fakeBase } from './fake-base.ts';
import { keyFor, limits, posting, type Serving, serving } from './tenants.ts';

let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());

const good = { model: 'support', inputs: 'my card' };
/** `my card` between two special tokens. */
const tokensOfGood = 4;
const keyWith = (rate: Partial<Rate>) =>
  keyFor(world.store, 'acme', { rate: { requestsPerMinute: null, tokensPerMinute: null, ...rate } });
const ask = (key: string, app = world.app) => app.request('/v1/classification', posting(key, good));
const list = (key: string) =>
  world.app.request('/v1/adapters', { headers: { authorization: `Bearer ${key}` } });

describe('a key with a rate of requests', () => {
  it('is told what is left, and with the 429 when to come back', async () => {
    const key = await keyWith({ requestsPerMinute: 2 });
    const fields = async () => {
      const { status, headers } = await ask(key);
      return [status, ...['ratelimit-policy', 'ratelimit', 'retry-after'].map(name => headers.get(name))];
    };
    const policy = '"requests";q=2;w=60';
    expect(await fields()).toEqual([200, policy, '"requests";r=1;t=30', null]);
    expect(await fields()).toEqual([200, policy, '"requests";r=0;t=60', null]);
    expect(await fields()).toEqual([429, policy, '"requests";r=0;t=60', '30']);
    world.clock.uptimeMs += 30_000;
    expect(await fields()).toEqual([200, policy, '"requests";r=0;t=60', null]);
  });

  it('gets a problem that says the rate, before its body is read', async () => {
    const key = await keyWith({ requestsPerMinute: 1 });
    await list(key);
    const response = await world.app.request('/v1/classification', posting(key, '{'));
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({
      code: 'rate_limited',
      detail: 'this key may have 1 requests a minute: wait and retry',
    });
  });

  it('is counted on every route that needs a key, and apart from other keys of its tenant', async () => {
    const [key, other] = [await keyWith({ requestsPerMinute: 3 }), await keyWith({ requestsPerMinute: 3 })];
    await list(key);
    await world.app.request('/models/support', posting(key, { inputs: 'my card' }));
    await world.app.request('/v1/nothing', { headers: { authorization: `Bearer ${key}` } });
    expect((await ask(key)).status).toBe(429);
    expect((await ask(other)).status).toBe(200);
  });

  it('is not helped or harmed by setting the clock', async () => {
    const { now } = world.clock;
    const key = await keyWith({ requestsPerMinute: 1 });
    expect((await ask(key)).status).toBe(200);
    for (const jumpMs of [-3_600_000, 3_600_000]) {
      world.clock.now = new Date(now.getTime() + jumpMs);
      expect((await ask(key)).status).toBe(429);
    }
    world.clock.now = now;
    world.clock.uptimeMs += 60_000;
    expect((await ask(key)).status).toBe(200);
  });
});

describe('a key with a rate of tokens', () => {
  it('pays for what was computed, then waits until its debt is filled', async () => {
    const key = await keyWith({ tokensPerMinute: 6 });
    const first = await ask(key);
    expect(first.headers.get('x-compute-tokens')).toBe(String(tokensOfGood));
    expect(first.headers.get('ratelimit')).toBe('"tokens";r=2;t=40');
    const second = await ask(key);
    expect([second.status, second.headers.get('ratelimit')]).toEqual([200, '"tokens";r=0;t=80']);
    const third = await ask(key);
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '30']);
    expect(await third.json()).toMatchObject({ detail: expect.stringContaining('6 tokens a minute') });
    world.clock.uptimeMs += 30_000;
    expect((await ask(key)).status).toBe(200);
  });

  it('pays nothing for what computes nothing', async () => {
    const key = await keyWith({ tokensPerMinute: 1, requestsPerMinute: 100 });
    await list(key);
    const response = await world.app.request(
      '/v1/classification',
      posting(key, { ...good, model: 'nothing' }),
    );
    expect(response.status).toBe(404);
    expect(response.headers.get('ratelimit')).toBe('"tokens";r=1;t=0, "requests";r=98;t=2');
    expect(response.headers.get('ratelimit-policy')).toBe('"tokens";q=1;w=60, "requests";q=100;w=60');
  });
});

describe('requests at once', () => {
  it('are capped by key, and make room as they end, however they end', async () => {
    const base = fakeBase();
    const { run } = base.engine;
    const waiting: (() => void)[] = [];
    let entered = 0;
    base.engine.run = async (rows, options) => {
      const order = ++entered;
      await new Promise<void>(resolve => waiting.push(resolve));
      if (order === 2) throw new VeneerError('invalid_artifact', 'no numbers');
      return run(rows, options);
    };
    const app = createApp({
      ...world.services,
      base: async () => base,
      limits: { ...limits, maxConcurrent: 2 },
    });
    const [key, other] = [await keyFor(world.store, 'acme'), await keyFor(world.store, 'acme')];
    const started = async (count: number) => {
      while (waiting.length < count) await new Promise(resolve => setTimeout(resolve, 1));
    };
    const running = [ask(key, app), ask(key, app)];
    await started(2);
    const third = await ask(key, app);
    expect([third.status, third.headers.get('retry-after')]).toEqual([429, '1']);
    running.push(ask(other, app));
    await started(3);
    for (const finish of waiting.splice(0)) finish();
    expect((await Promise.all(running)).map(({ status }) => status)).toEqual([200, 422, 200]);
    const after = ask(key, app);
    await started(1);
    waiting[0]!();
    expect((await after).status).toBe(200);
  });
});

describe('the server’s own rate', () => {
  it('holds for keys that have none, and theirs holds where they have one', async () => {
    const rate = { requestsPerMinute: 1, tokensPerMinute: null };
    const app = createApp({ ...world.services, limits: { ...limits, rate } });
    const [plain, own] = [await keyFor(world.store, 'acme'), await keyWith({ requestsPerMinute: 2 })];
    expect([(await ask(plain, app)).status, (await ask(plain, app)).status]).toEqual([200, 429]);
    expect([(await ask(own, app)).status, (await ask(own, app)).status]).toEqual([200, 200]);
  });

  it('can be shared by servers through the store', async () => {
    const limiter = () => openStoreLimiter({ store: world.store, now: () => world.clock.now });
    const apps = [1, 2].map(() => createApp({ ...world.services, limiter: limiter() }));
    const key = await keyWith({ requestsPerMinute: 3 });
    const statuses = [];
    for (const i of [0, 1, 0, 1]) statuses.push((await ask(key, apps[i])).status);
    expect(statuses).toEqual([200, 200, 200, 429]);
  });
});

it('a key without a rate gets no RateLimit fields', async () => {
  const { headers } = await ask(world.key);
  expect([headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([null, null]);
});
