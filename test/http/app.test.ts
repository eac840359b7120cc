import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { VeneerError } from '../../functions/error.ts';
import { createApp } from '../../functions/http/app.ts';
import { type Serving, serving } from './tenants.ts';

let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());

const get = (path: string, key = world.key) =>
  world.app.request(path, { headers: { authorization: `Bearer ${key}` } });

describe('the list of adapters', () => {
  it('has what the tenant has', async () => {
    const body = await (await get('/v1/adapters')).json();
    const row = (name: string) => ({ name, versions: 1, aliases: ['live'] });
    expect(body).toEqual({ adapters: ['answers', 'entities', 'support', 'unsure'].map(row) });
  });

  it('describes one with versions, aliases and metrics', async () => {
    const response = await get('/v1/adapters/support');
    expect(response.status).toBe(200);
    expect(await response.json()).toEqual({
      name: 'support',
      versions: [
        {
          digest: world.digests.support,
          task: 'classification',
          problem: 'single-label',
          labels: ['billing', 'login', 'refund'],
          base: { name: 'tiny', digest: 'b'.repeat(64), tokenizer: 'c'.repeat(64) },
          metrics: { trained: { accuracy: 0.9 }, served: { accuracy: 0.89 } },
        },
      ],
      aliases: { live: { digest: world.digests.support, previous: null, updated_at: expect.any(String) } },
    });
  });

  it("answers 404 to an unknown name and to another tenant's alike, and 422 to what is no name", async () => {
    const body = async (name: string) => {
      const response = await get(`/v1/adapters/${name}`, world.otherKey);
      expect(response.status).toBe(404);
      return { ...((await response.json()) as { detail: string }), request_id: '' };
    };
    const text = await body('support');
    expect({ ...text, detail: text.detail.replace('support', 'nothing') }).toEqual(await body('nothing'));
    expect((await get('/v1/adapters/No%2F..')).status).toBe(422);
  });
});

describe('request ids', () => {
  it('are new for each request, on good answers and on problems', async () => {
    const ids = await Promise.all(
      ['/healthz', '/healthz', '/nothing', '/v1/adapters'].map(async path => {
        const id = (await world.app.request(path)).headers.get('x-request-id');
        expect(id).toMatch(/^[0-9a-f-]{36}$/);
        return id;
      }),
    );
    expect(new Set(ids).size).toBe(ids.length);
  });

  it("are the caller's where they are harmless, and only there", async () => {
    const echoed = async (id: string) =>
      (await world.app.request('/healthz', { headers: { 'x-request-id': id } })).headers.get('x-request-id');
    expect(await echoed('trace-1.A_b')).toBe('trace-1.A_b');
    for (const id of ['', 'a b', 'x'.repeat(129), '<script>', '{"a":1}', 'é'])
      expect(await echoed(id)).toMatch(/^[0-9a-f-]{36}$/);
  });
});

describe('readiness', () => {
  it('is 503 until the base is open, and asking makes the server try again', async () => {
    const logged = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    let tries = 0;
    const base = async () => {
      tries++;
      throw new VeneerError('unavailable', 'the base cannot be opened');
    };
    const app = createApp({ ...world.services, base, ready: () => false });
    const response = await app.request('/readyz');
    expect(response.status).toBe(503);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(tries).toBe(1);
    expect((await app.request('/healthz')).status).toBe(200);
    logged.mockRestore();
  });
});
