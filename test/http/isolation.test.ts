/**
 * Every route with every pair of tenants: a key's tenant reads its own part of the store alone, and is answered about
 * another's adapter to the letter as about one that nobody has, or that is deleted.
 */
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openAdapters } from '../../functions/adapters.ts';
import { createApp } from '../../functions/http/app.ts';
import type { Store } from '../../functions/store/store.ts';
import { baseManifest } from './fake-base.ts';
import { keyFor, publish, type Serving, serving } from './tenants.ts';

const tenants = ['ant', 'bee', 'cat'] as const;
type Tenant = (typeof tenants)[number];

interface Owned {
  key: string;
  /** Of adapter `<tenant>-own` and of `shared`, which every tenant has one of. */
  digests: { own: string; shared: string };
}

let world: Serving;
let app: Serving['app'];
let owned: Record<Tenant, Owned>;
/** Keys and prefixes of the store that were touched since this was emptied. */
const touched: string[] = [];

function watched(store: Store): Store {
  const noting =
    <Rest extends unknown[], T>(work: (key: string, ...rest: Rest) => T) =>
    (key: string, ...rest: Rest) => {
      touched.push(key);
      return work(key, ...rest);
    };
  return {
    url: store.url,
    get: noting(store.get),
    getIfChanged: noting(store.getIfChanged),
    put: noting(store.put),
    list: noting(store.list),
    delete: noting(store.delete),
  };
}

beforeAll(async () => {
  world = await serving();
  const entries = await Promise.all(
    tenants.map(async tenant => {
      const version = (name: string) =>
        publish(world.store, {
          tenant,
          name,
          task: 'classification',
          labels: [`${tenant}-no`, `${tenant}-yes`],
        });
      const digests = { own: await version(`${tenant}-own`), shared: await version('shared') };
      const gone = `${tenant}-gone`;
      const digest = await version(gone);
      const folder = `tenants/${tenant}/adapters/${gone}/`;
      for (const key of [`aliases/live.json`, `versions/${digest}/manifest.json`])
        await world.store.delete(folder + key);
      return [tenant, { key: await keyFor(world.store, tenant), digests }] as const;
    }),
  );
  owned = Object.fromEntries(entries) as Record<Tenant, Owned>;
  app = appOver();
});
afterAll(() => world.remove());

/** With nothing in memory, so that what is read shows in the store. */
function appOver() {
  const store = watched(world.store);
  const { now } = world.services;
  return createApp({
    ...world.services,
    store,
    adapters: openAdapters({
      ...{ store, base: async () => baseManifest, budgetBytes: 1 << 20, aliasTtlMs: 0 },
      now: () => now().getTime(),
    }),
  });
}

interface Question {
  method: string;
  /** Pattern of a route, such as /models/:adapter. */
  path: string;
  reference: string;
  headers?: Record<string, string>;
}

async function ask(key: string | undefined, { method, path, reference, headers = {} }: Question, to = app) {
  const url = path.replace(/:[a-z]+(?:\{[^}]*\})?/gi, encodeURIComponent(reference));
  const body = JSON.stringify({
    model: reference,
    inputs: path.includes('question') ? { question: 'who', context: 'they did' } : 'my card',
  });
  const response = await to.request(url, {
    method,
    headers: { ...(key === undefined ? {} : { authorization: `Bearer ${key}` }), ...headers },
    ...(method === 'POST' || method === 'PUT' || method === 'PATCH' ? { body } : {}),
  });
  const text = await response.text();
  return { status: response.status, text, headers: Object.fromEntries(response.headers) };
}

/** What an answer says, apart from what is another each time. */
function said({ status, text, headers }: Awaited<ReturnType<typeof ask>>, reference: string): string {
  const { 'x-request-id': id = '', 'server-timing': _, ...rest } = headers;
  const plain = (value: string) =>
    value
      .replaceAll(reference, 'REFERENCE')
      .replaceAll(reference.split('@')[0]!, 'NAME')
      .replaceAll(id, 'ID');
  return plain(JSON.stringify({ status, text, rest }));
}

/** Routes behind a key, as registered: `METHOD /path`. */
const routes = () =>
  world.app.routes
    .filter(
      ({ path, method }) => /^\/(v1|models|predict)\b/.test(path) && !path.endsWith('*') && method !== 'ALL',
    )
    .map(({ method, path }) => ({ method, path }));

const pairs = tenants.flatMap(mine =>
  tenants.filter(theirs => theirs !== mine).map(theirs => [mine, theirs] as const),
);

describe('every route', () => {
  it('is known to this test', () => {
    const known = routes().map(({ method, path }) => `${method} ${path}`);
    expect(known).toEqual(
      expect.arrayContaining(['GET /v1/usage', 'GET /v1/adapters', 'POST /models/:adapter']),
    );
    expect(new Set(known).size).toBeGreaterThanOrEqual(9);
  });

  it('needs a key, and one with the scope', async () => {
    const push = await keyFor(world.store, 'ant', { scopes: ['push'] });
    const predict = owned.ant.key;
    for (const route of routes()) {
      const question = { ...route, reference: 'shared' };
      expect([route, (await ask(undefined, question)).status]).toEqual([route, 401]);
      expect([route, (await ask(`vn_ant_${'x'.repeat(43)}`, question)).status]).toEqual([route, 401]);
      const changes = route.path.startsWith('/v1/adapters') && route.method !== 'GET';
      expect([route, (await ask(changes ? predict : push, question)).status]).toEqual([route, 403]);
    }
  });

  it.each(pairs)(
    'tells %s about an adapter of %s what it tells about one that nobody has',
    async (mine, theirs) => {
      const { key } = owned[mine];
      const { digests } = owned[theirs];
      for (const route of routes().filter(({ path }) => !['/v1/usage', '/v1/adapters'].includes(path))) {
        // A key with both scopes, so that routes that change adapters are asked in earnest.
        const asking =
          route.method === 'DELETE' || route.method === 'PUT'
            ? await keyFor(world.store, mine, { scopes: ['push'] })
            : key;
        const about = async (reference: string) => {
          // By then no refusal is remembered.
          world.clock.now = new Date(world.clock.now.getTime() + 2_000);
          touched.length = 0;
          const answer = await ask(asking, { ...route, reference });
          const reads = touched.filter(each => !each.includes('/keys/')).length;
          expect(answer.text).not.toContain(`${theirs}-yes`);
          expect(answer.headers).not.toHaveProperty('x-adapter-digest');
          expect(touched.filter(each => !each.startsWith(`tenants/${mine}/`))).toEqual([]);
          return { said: said(answer, reference), reads };
        };
        // The same answer, after as many steps: what takes time here is the store.
        const nobodys = await about('nothing-here');
        for (const name of [`${theirs}-own`, `${theirs}-gone`, `${mine}-gone`])
          expect([route, await about(name)]).toEqual([route, nobodys]);
        if (route.path === '/v1/adapters/:name') continue;
        const version = await about(`nothing-here@sha256:${digests.own}`);
        for (const name of [`${theirs}-own`, `${theirs}-gone`, `${mine}-gone`, `${mine}-own`, 'shared'])
          expect([route, await about(`${name}@sha256:${digests.own}`)]).toEqual([route, version]);
      }
    },
  );

  it.each(pairs)('gives %s its own of what %s has under the same name', async (mine, theirs) => {
    for (const tenant of [mine, theirs]) {
      touched.length = 0;
      const answer = await ask(owned[tenant].key, {
        method: 'POST',
        path: '/v1/classification',
        reference: 'shared',
      });
      expect(answer.headers['x-adapter-digest']).toBe(owned[tenant].digests.shared);
      expect(answer.text).toContain(`${tenant}-yes`);
      expect(touched.every(each => each.startsWith(`tenants/${tenant}/`))).toBe(true);
    }
    const list = await ask(owned[mine].key, { method: 'GET', path: '/v1/adapters', reference: '' });
    const { adapters } = JSON.parse(list.text) as { adapters: { name: string }[] };
    expect(adapters.map(({ name }) => name)).toEqual([`${mine}-own`, 'shared']);
  });
});

describe('whatever a request says', () => {
  const odd = fc.oneof(
    fc.constantFrom(
      ...tenants.flatMap(tenant => [
        `../${tenant}/adapters/shared`,
        `../../tenants/${tenant}`,
        `${tenant}/shared`,
      ]),
    ),
    fc.constantFrom(
      '.',
      '..',
      '%2e%2e',
      'shared/../../bee',
      'shared\u0000',
      'SHARED',
      'shared@../live',
      'shared@live/..',
      '__proto__',
      '💥',
    ),
    fc.string({ maxLength: 80, unit: 'binary' }).filter(text => !/[\ud800-\udfff]/u.test(text)),
    fc.constantFrom('shared', 'ant-own', 'bee-own', 'cat-own', 'bee-own@live'),
  );

  it('its key’s tenant is all that it reaches, and the answer is none of ours to be sorry for', async () => {
    const any = fc.record({
      mine: fc.constantFrom(...tenants),
      route: fc.nat(),
      reference: odd,
      as: fc.option(fc.oneof(fc.constantFrom(...tenants), odd), { nil: undefined }),
      field: fc.constantFrom('x-tenant', 'x-veneer-tenant', 'tenant'),
    });
    await fc.assert(
      fc.asyncProperty(any, async ({ mine, route, reference, as, field }) => {
        const known = routes().filter(({ method }) => method === 'GET' || method === 'POST');
        const headers = as === undefined ? {} : { [field]: encodeURIComponent(as) };
        touched.length = 0;
        const answer = await ask(owned[mine].key, { ...known[route % known.length]!, reference, headers });
        expect(answer.status).toBeLessThan(500);
        expect(touched.filter(each => !each.startsWith(`tenants/${mine}/`))).toEqual([]);
        for (const theirs of tenants.filter(tenant => tenant !== mine)) {
          expect(answer.text).not.toContain(`${theirs}-yes`);
          expect(Object.values(answer.headers)).not.toContain(owned[theirs].digests.own);
        }
      }),
      { numRuns: 300 },
    );
  });

  it('an admin’s header is the only way to another tenant, and only to that one', async () => {
    const admin = await keyFor(world.store, 'ant', { scopes: ['admin'] });
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...tenants), fc.nat(), async (tenant, route) => {
        const known = routes().filter(({ method }) => method === 'GET' || method === 'POST');
        touched.length = 0;
        await ask(admin, {
          ...known[route % known.length]!,
          reference: 'shared',
          headers: { 'x-veneer-tenant': tenant },
        });
        expect(
          touched.filter(
            each => !each.startsWith(`tenants/${tenant}/`) && !each.startsWith('tenants/ant/keys/'),
          ),
        ).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });
});
