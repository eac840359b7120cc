/** The log of a day with all kinds of requests: a JSON line for each, and in no line a text, a key or anything else that was sent. */
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../functions/http/app.ts';
import { logError } from '../../functions/http/log.ts';
import { fakeBase } from './fake-base.ts';
import { keyFor, posting, type Serving, serving } from './tenants.ts';

let world: Serving;
let lines: string[];
beforeAll(async () => {
  world = await serving({ logRequests: true });
});
afterAll(() => {
  vi.restoreAllMocks();
  return world.remove();
});
beforeEach(() => {
  lines = [];
  vi.spyOn(process.stderr, 'write').mockImplementation(line => lines.push(String(line)) > 0);
});

const logged = () =>
  lines.map(line => {
    expect(line).toMatch(/^\{[^\n]*\}\n$/);
    return JSON.parse(line);
  });

describe('the line of a request', () => {
  it('says what was asked for, by whom, how long it took and what it cost', async () => {
    const before = Date.now();
    const body = { model: 'support', inputs: ['my card', 'a new card please'] };
    const headers = { 'x-request-id': 'trace-7' };
    await world.app.request('/v1/classification?a=b', posting(world.key, body, headers));
    const [{ time, ms, ...line }, ...others] = logged();
    expect(others).toEqual([]);
    expect(line).toEqual({
      level: 'info',
      request_id: 'trace-7',
      method: 'POST',
      route: '/v1/classification',
      status: 200,
      tenant: 'acme',
      task: 'classification',
      adapter: world.digests.support,
      tokens: 10,
      windows: 2,
    });
    expect(Date.parse(time)).toBeGreaterThanOrEqual(before);
    expect(ms).toBeGreaterThanOrEqual(0);
  });

  it('of a problem has its code; of one that is our fault where it happened, without its message', async () => {
    await world.app.request('/v1/adapters');
    const base = fakeBase();
    base.engine.run = async () => {
      throw new TypeError('cannot read my card', { cause: new RangeError('of my card') });
    };
    const app = createApp({ ...world.services, base: async () => base });
    const response = await app.request(
      '/v1/classification',
      posting(world.key, { model: 'support', inputs: 'my card' }),
    );
    expect(response.status).toBe(500);
    const [refused, failed, ...others] = logged();
    expect(others).toEqual([]);
    expect(refused).toMatchObject({
      level: 'info',
      status: 401,
      code: 'unauthenticated',
      route: '/v1/adapters',
    });
    expect(refused).not.toHaveProperty('frames');
    expect(refused).not.toHaveProperty('tenant');
    expect(failed).toMatchObject({
      ...{ level: 'error', status: 500, code: 'internal', error: 'TypeError', tenant: 'acme' },
      adapter: world.digests.support,
      cause: { error: 'RangeError' },
    });
    expect(failed.frames[0]).toContain('log.test.ts');
    expect(lines.join('')).not.toContain('my card');
  });

  it('is not there where only our own faults are logged', async () => {
    const app = createApp({ ...world.services, logRequests: false });
    expect((await app.request('/healthz')).status).toBe(200);
    expect((await app.request('/v1/adapters')).status).toBe(401);
    expect(lines).toEqual([]);
  });
});

describe('many good and bad requests', () => {
  it('leave a line each, and nothing of what they sent', async () => {
    const secret = 'zebra';
    const expired = await keyFor(world.store, 'acme', { expiresAt: new Date(Date.now() + 1_000) });
    world.clock.now = new Date(Date.now() + 5_000);
    const keys = [world.key, world.otherKey, expired, `vn_acme_${secret}`, secret];
    const text = `${secret} my number is 4111 2222 3333`;
    const bodies: unknown[] = [
      { model: 'support', inputs: text },
      { model: 'entities', inputs: [text, text] },
      { model: 'answers', inputs: { question: text, context: `${text} ${text}` } },
      { model: secret, inputs: text },
      { model: `support@${secret}`, inputs: text },
      { model: `support@sha256:${secret}`, inputs: text },
      { model: 'support', inputs: [text, { text }, null] },
      { model: 'support', inputs: text, parameters: { [secret]: text } },
      { model: 'support', inputs: text, [secret]: text },
      { [secret]: text },
      `{"model": "support", "inputs": "${text}`,
      `"${text}"`,
      secret.repeat(2_000),
    ];
    const paths = [
      '/v1/classification',
      '/v1/sequence-labeling',
      '/v1/question-answering',
      '/models/support',
      `/models/${secret}`,
      '/models/support/predict',
      '/predict',
      `/v1/${secret}`,
      `/${secret}/../v1`,
    ];
    let sent = 0;
    const statuses = new Set<number>();
    const send = async (path: string, init: RequestInit) => {
      sent++;
      statuses.add((await world.app.request(path, init)).status);
    };
    for (const path of paths)
      for (const body of bodies)
        for (const key of keys) {
          const headers = {
            'x-request-id': `${secret} ${sent}`,
            'user-agent': secret,
            cookie: `id=${secret}`,
          };
          await send(`${path}?token=${secret}&text=${encodeURIComponent(text)}`, posting(key, body, headers));
        }
    for (const key of keys) {
      const headers = { authorization: `Bearer ${key}` };
      for (const path of [`/v1/adapters/${secret}`, '/v1/adapters', `/docs/${secret}`, '/readyz'])
        await send(path, { headers });
      await send('/v1/adapters', { headers: { authorization: `${secret} ${key}` } });
      await send(`/v1/adapters/${secret}`, { method: 'DELETE', headers });
    }
    expect([...statuses].sort()).toEqual([200, 400, 401, 403, 404, 409, 413, 422]);
    expect(logged()).toHaveLength(sent);
    const all = lines.join('').toLowerCase();
    for (const part of [
      secret,
      '4111 2222 3333',
      'my number',
      'bearer',
      'token=',
      // A secret may hold the sign that parts of a key are joined with.
      ...keys.map(key => key.split('_').slice(2).join('_') || key),
    ])
      expect(all).not.toContain(part.toLowerCase());
    const routes = new Set(logged().map(({ route }) => route));
    expect([...routes].filter(route => route !== undefined && !/^\/(:?[\w-]+\/?)+$/.test(route))).toEqual([]);
  });
});

describe('a line of what else went wrong', () => {
  it('has no field for what it does not know, and takes whatever was thrown', () => {
    logError('my card');
    logError(undefined, 'r-1');
    expect(logged()).toEqual([
      { time: expect.any(String), level: 'error', error: 'string' },
      { time: expect.any(String), level: 'error', request_id: 'r-1', error: 'undefined' },
    ]);
  });
});
