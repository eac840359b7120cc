import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { createKey, revokeKey } from '../../functions/artifacts/keys.ts';
import { createApp } from '../../functions/http/app.ts';
import { openKeyring } from '../../functions/http/auth.ts';
import { fakeBase } from './fake-base.ts';
import { keyFor, posting, type Serving, serving } from './tenants.ts';

let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());

const good = { model: 'support', inputs: 'my card' };

async function statusOf(authorization: string | undefined, path = '/v1/adapters'): Promise<number> {
  const response = await world.app.request(path, {
    headers: authorization === undefined ? {} : { authorization },
  });
  expect(response.headers.get('www-authenticate')).toBe(response.status === 401 ? 'Bearer' : null);
  return response.status;
}

describe('a request without a good key', () => {
  it('is answered with 401, the same for every reason', async () => {
    const unknown = `vn_acme_${'x'.repeat(43)}`;
    const wrong = [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      world.key,
      `Basic ${world.key}`,
      'Bearer vn_acme_short',
    ];
    const otherTenants = `Bearer ${world.key.replace('acme', 'bolt')}`;
    for (const authorization of [
      ...wrong,
      `Bearer ${unknown}`,
      otherTenants,
      `Bearer ${world.key} ${world.key}`,
    ])
      expect(await statusOf(authorization)).toBe(401);
  });

  it('is answered before its body is read', async () => {
    for (const path of ['/v1/classification', '/models/support'])
      expect((await world.app.request(path, { method: 'POST', body: '{' })).status).toBe(401);
  });

  it('may see whether the server lives, and its OpenAPI document', async () => {
    for (const path of ['/healthz', '/readyz', '/openapi.json'])
      expect(await statusOf(undefined, path)).toBe(200);
  });
});

describe('a key', () => {
  it('is found whatever the case of "bearer"', async () => {
    expect(await statusOf(`bearer ${world.key}`)).toBe(200);
  });

  it('needs the scope predict, which admin has too', async () => {
    const push = await keyFor(world.store, 'acme', { scopes: ['push'] });
    const response = await world.app.request('/v1/classification', posting(push, good));
    expect(response.status).toBe(403);
    expect(await response.json()).toMatchObject({
      code: 'forbidden',
      detail: expect.stringContaining('predict'),
    });
    expect(await statusOf(`Bearer ${push}`)).toBe(403);
    const admin = await keyFor(world.store, 'acme', { scopes: ['admin'] });
    expect((await world.app.request('/v1/classification', posting(admin, good))).status).toBe(200);
  });

  it('decides the tenant, whatever else the request says', async () => {
    const headers = { authorization: `Bearer ${world.otherKey}`, 'x-tenant': 'acme' };
    const response = await world.app.request('/v1/adapters?tenant=acme', { headers });
    expect(await response.json()).toEqual({ adapters: [{ name: 'other', versions: 1, aliases: ['live'] }] });
  });

  it('works until the moment it expires, also where it is remembered', async () => {
    const { now } = world.clock;
    const expiresAt = new Date(now.getTime() + 10_000);
    const { key } = await createKey(world.store, { tenant: 'acme', scopes: ['predict'], expiresAt });
    expect(await statusOf(`Bearer ${key}`)).toBe(200);
    world.clock.now = new Date(expiresAt.getTime() - 1);
    expect(await statusOf(`Bearer ${key}`)).toBe(200);
    world.clock.now = expiresAt;
    expect(await statusOf(`Bearer ${key}`)).toBe(401);
    world.clock.now = now;
  });

  it('stops working within half a minute of being revoked, at once where it was not remembered', async () => {
    const { now } = world.clock;
    const [used, unused] = [await keyFor(world.store, 'acme'), await keyFor(world.store, 'acme')];
    expect(await statusOf(`Bearer ${used}`)).toBe(200);
    for (const idOrKey of [used, unused]) await revokeKey(world.store, { tenant: 'acme', idOrKey });
    expect(await statusOf(`Bearer ${unused}`)).toBe(401);
    // A clock that is set back meanwhile makes it no longer.
    world.clock.now = new Date(now.getTime() - 3_600_000);
    world.clock.uptimeMs += 29_999;
    expect(await statusOf(`Bearer ${used}`)).toBe(200);
    world.clock.uptimeMs += 1;
    expect(await statusOf(`Bearer ${used}`)).toBe(401);
    world.clock.now = now;
  });

  it('that is revoked while its request is under way still gets the answer', async () => {
    const key = await keyFor(world.store, 'acme');
    const base = fakeBase();
    const { run } = base.engine;
    base.engine.run = async (rows, options) => {
      await revokeKey(world.store, { tenant: 'acme', idOrKey: key });
      return run(rows, options);
    };
    const app = createApp({ ...world.services, base: async () => base });
    const inputs = ['my card', 'my money', 'my password'];
    const response = await app.request('/v1/classification', posting(key, { ...good, inputs }));
    expect(response.status).toBe(200);
    expect(((await response.json()) as { outputs: unknown[] }).outputs).toHaveLength(3);
    expect(await statusOf(`Bearer ${key}`)).toBe(401);
  });

  it('of which the record stands under another name opens nothing', async () => {
    const { key, id } = await createKey(world.store, { tenant: 'acme', scopes: ['admin'], expiresAt: null });
    const record = (await world.store.get(`tenants/acme/keys/${id}.json`))!.bytes;
    const mine = `vn_acme_${'z'.repeat(43)}`;
    await world.store.put(`tenants/acme/keys/${sha256(mine)}.json`, record);
    expect(await statusOf(`Bearer ${mine}`)).toBe(401);
    expect(await statusOf(`Bearer ${key}`)).toBe(200);
  });
});

describe('the header x-veneer-tenant', () => {
  const listing = (key: string, tenant: string) =>
    world.app.request('/v1/adapters', {
      headers: { authorization: `Bearer ${key}`, 'x-veneer-tenant': tenant },
    });

  it('lets an admin act for any tenant', async () => {
    const admin = await keyFor(world.store, 'acme', { scopes: ['admin'] });
    const response = await listing(admin, 'bolt');
    expect(await response.json()).toEqual({ adapters: [{ name: 'other', versions: 1, aliases: ['live'] }] });
    expect(await (await listing(admin, 'nobody')).json()).toEqual({ adapters: [] });
  });

  it('is refused of everyone else, the same for a tenant that is there and one that is not', async () => {
    const push = await keyFor(world.store, 'acme', { scopes: ['predict', 'push'] });
    const bodies = [];
    for (const tenant of ['bolt', 'nobody', '../bolt', '']) {
      const response = await listing(push, tenant);
      expect(response.status).toBe(403);
      bodies.push(JSON.stringify({ ...((await response.json()) as object), request_id: '' }));
    }
    expect(new Set(bodies).size).toBe(1);
    expect((await listing(push, 'acme')).status).toBe(200);
  });

  it('must be the name of a tenant', async () => {
    const admin = await keyFor(world.store, 'acme', { scopes: ['admin'] });
    for (const tenant of ['../bolt', 'bolt/keys', 'BOLT', 'a'.repeat(64), '-a', 'b%6flt', '']) {
      const response = await listing(admin, tenant);
      expect(response.status).toBe(422);
      expect(await response.json()).toMatchObject({ code: 'invalid_request' });
    }
  });
});

describe('the keyring', () => {
  it('asks the store once for many requests with one key, and again for a key that was not there', async () => {
    let reads = 0;
    const store = {
      ...world.store,
      get: (key: string) => {
        reads++;
        return world.store.get(key);
      },
    };
    const keyring = openKeyring({ store, now: () => world.clock.now, uptimeMs: () => world.clock.uptimeMs });
    const records = await Promise.all([world.key, world.key, world.key].map(keyring.find));
    expect(records.map(record => record?.tenant)).toEqual(['acme', 'acme', 'acme']);
    await keyring.find(world.key);
    expect(reads).toBe(1);
    const unknown = `vn_acme_${'y'.repeat(43)}`;
    expect(await keyring.find(unknown)).toBeUndefined();
    expect(await keyring.find(unknown)).toBeUndefined();
    expect(reads).toBe(3);
  });

  it('forgets a failure of the store', async () => {
    let fails = true;
    const get = async (key: string) => {
      if (fails) throw new Error('down');
      return world.store.get(key);
    };
    const keyring = openKeyring({
      store: { ...world.store, get },
      now: () => world.clock.now,
      uptimeMs: () => world.clock.uptimeMs,
    });
    await expect(keyring.find(world.key)).rejects.toThrow('down');
    fails = false;
    expect((await keyring.find(world.key))?.tenant).toBe('acme');
  });
});
