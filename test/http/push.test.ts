/** Pushing and deleting over HTTP: what gets in, what is refused with nothing written, and who may. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { readSafetensors, writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { loadVersion, readAlias, setAlias } from '../../functions/artifacts/versions.ts';
import { createApp } from '../../functions/http/app.ts';
import { allKeys } from '../artifacts/manifest.ts';
import { baseManifest } from './fake-base.ts';
import { keyFor, limits, posting, type Serving, serving, versionOf } from './tenants.ts';

const labels = ['billing', 'login', 'refund', 'other'];
const classes = { task: 'classification', labels } as const;

let world: Serving;
let [push, predict, foreign] = ['', '', ''];
beforeEach(async () => {
  world = await serving();
  // A push is checked against the base in the store, of which only the manifest matters.
  await world.store.put('bases/tiny/manifest.json', Buffer.from(JSON.stringify(baseManifest)));
  push = await keyFor(world.store, 'acme', { scopes: ['push'] });
  predict = world.key;
  foreign = await keyFor(world.store, 'bolt', { scopes: ['push', 'predict'] });
});
afterEach(() => world.remove());

type Version = ReturnType<typeof versionOf>;

function partsOf({ manifest, files }: Version): FormData {
  const form = new FormData();
  form.append('manifest.json', new File([Buffer.from(manifest)], 'manifest.json'));
  form.append('adapter.safetensors', new File([Buffer.from(files['adapter.safetensors'])], 'a.safetensors'));
  return form;
}

async function put(
  body: NonNullable<RequestInit['body']>,
  {
    at = 'support/versions',
    key = push,
    headers = {},
    app = world.app,
  }: { at?: string; key?: string; headers?: Record<string, string>; app?: Serving['app'] } = {},
) {
  const response = await app.request(`/v1/adapters/${at}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${key}`, ...headers },
    body,
  });
  return { status: response.status, body: (await response.json()) as Record<string, unknown>, response };
}

async function remove(name: string, key = push) {
  const response = await world.app.request(`/v1/adapters/${name}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${key}` },
  });
  const { request_id: _id, ...body } = (await response.json()) as Record<string, unknown>;
  return { status: response.status, body };
}

const live = async (name = 'support', alias = 'live') =>
  (await readAlias(world.store, { tenant: 'acme', name, alias }))?.alias;

describe('a push', () => {
  test('puts the version where live answers with it, as soon as the alias is read again', async () => {
    const version = versionOf(classes);
    const digest = sha256(version.manifest);
    const { status, body } = await put(partsOf(version));
    expect([status, body]).toEqual([201, { name: 'support', digest, alias: 'live', created: true }]);
    expect(await live()).toMatchObject({ digest, previous: world.digests.support });
    const loaded = await loadVersion(world.store, 'acme', 'support', digest);
    expect(Buffer.from(loaded.files['adapter.safetensors'])).toEqual(
      Buffer.from(version.files['adapter.safetensors']),
    );
    world.clock.now = new Date(world.clock.now.getTime() + 5000);
    const answered = await world.app.request(
      '/v1/classification',
      posting(predict, { model: 'support', inputs: 'my card' }),
    );
    expect(answered.headers.get('x-adapter-digest')).toBe(digest);
    expect(await answered.json()).toMatchObject({ outputs: [{ label: 'other' }] });
  });

  test('of the same bytes again changes nothing and says so', async () => {
    const version = versionOf(classes);
    const first = await put(partsOf(version));
    const before = [await allKeys(world.store), await live()];
    const second = await put(partsOf(version));
    expect([second.status, second.body]).toEqual([200, { ...first.body, created: false }]);
    expect([await allKeys(world.store), await live()]).toEqual(before);
  });

  test('to another alias leaves live where it is, and makes a new adapter where there was none', async () => {
    const version = versionOf(classes);
    await put(partsOf(version), { at: 'support/versions?alias=candidate' });
    expect((await live())?.digest).toBe(world.digests.support);
    expect((await live('support', 'candidate'))?.digest).toBe(sha256(version.manifest));
    expect((await put(partsOf(version), { at: 'brand-new/versions' })).status).toBe(201);
    expect(await live('brand-new')).toMatchObject({ previous: null });
  });

  test('goes in under a condition that holds, and is repeated under the same', async () => {
    const headers = { 'if-match': `"${world.digests.support}"` };
    expect((await put(partsOf(versionOf(classes)), { headers })).status).toBe(201);
    // The answer was lost and the client tries again.
    expect((await put(partsOf(versionOf(classes)), { headers })).status).toBe(200);
    const fresh = { at: 'fresh/versions', headers: { 'if-none-match': '*' } };
    expect((await put(partsOf(versionOf(classes)), fresh)).status).toBe(201);
  });
});

/** Every refusal leaves the store as it was. */
async function refused(pushed: () => ReturnType<typeof put>) {
  const before = await allKeys(world.store);
  const alias = await live();
  const { status, body, response } = await pushed();
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(await allKeys(world.store)).toEqual(before);
  expect(await live()).toEqual(alias);
  return { status, code: body.code, detail: body.detail };
}

describe('refused is', () => {
  test.each([
    [
      'minMetric=accuracy=0.95',
      422,
      'gate_failed',
      'accuracy is 0.89 as served, under the least of 0.95: not pushed',
    ],
    ['minMetric=accuracy=0.5&minMetric=f1=0.1', 422, 'gate_failed', 'the manifest has accuracy'],
    [
      'maxDrop=0.005',
      422,
      'gate_failed',
      'accuracy falls from 0.9 (float32) to 0.89 (as served), by 0.01, over the allowed drop of 0.005',
    ],
    ['minMetric=accuracy', 422, 'invalid_request', 'write metric=value'],
    ['maxDrop=2', 422, 'invalid_request', 'maxDrop'],
    ['maxDrop=few', 422, 'invalid_request', 'maxDrop'],
    ['alias=Live', 422, 'invalid_request', 'alias'],
    // biome-ignore format: a table
  ] as const)('%s', async (query, status, code, detail) => {
    expect(
      await refused(() => put(partsOf(versionOf(classes)), { at: `support/versions?${query}` })),
    ).toEqual({ status, code, detail: expect.stringContaining(detail) });
  });

  test('nothing where the gates hold to the digit', async () => {
    const at = 'support/versions?minMetric=accuracy=0.89&maxDrop=0.01';
    expect((await put(partsOf(versionOf(classes)), { at })).status).toBe(201);
  });

  const version = () => versionOf(classes);
  const withFile = (file: Uint8Array, manifest: object = {}): Version => ({
    manifest: Buffer.from(
      JSON.stringify({
        ...JSON.parse(Buffer.from(version().manifest).toString()),
        files: { 'adapter.safetensors': { sha256: sha256(file), bytes: file.length } },
        ...manifest,
      }),
    ),
    files: { 'adapter.safetensors': file },
  });
  const tensors = () => new Map(readSafetensors(version().files['adapter.safetensors'], 'adapter'));
  const edited = (edit: (all: ReturnType<typeof tensors>) => void): Version => {
    const all = tensors();
    edit(all);
    return withFile(writeSafetensors(all));
  };
  const flipped = (): Version => {
    const { manifest, files } = version();
    const file = Uint8Array.from(files['adapter.safetensors']);
    file[file.length - 1]! ^= 1;
    return { manifest, files: { 'adapter.safetensors': file } };
  };
  const nan = (): Version =>
    edited(all => {
      const name = [...all.keys()].find(each => each.endsWith('.bias'))!;
      const tensor = all.get(name)!;
      const data = Uint8Array.from(tensor.data);
      new DataView(data.buffer).setFloat32(0, Number.NaN, true);
      all.set(name, { ...tensor, data });
    });

  test.each<[string, () => Version, number, string, string]>([
    ['a flipped byte', flipped, 409, 'digest_mismatch', 'adapter.safetensors'],
    ['no safetensors at all', () => withFile(new Uint8Array(100)), 422, 'invalid_artifact', 'adapter'],
    ['an empty file', () => withFile(new Uint8Array(0)), 422, 'invalid_artifact', 'adapter'],
    [
      'a tensor too few',
      () => edited(all => all.delete([...all.keys()][0]!)),
      422,
      'invalid_artifact',
      'tensor',
    ],
    [
      'a tensor too many',
      () => edited(all => all.set('extra', { dtype: 'F32', shape: [1], data: new Uint8Array(4), offset: 0 })),
      422,
      'invalid_artifact',
      'tensor extra is not part',
    ],
    ['a value that is not finite', nan, 422, 'invalid_artifact', 'not finite'],
    [
      'a label too many for the head',
      () => withFile(version().files['adapter.safetensors'], { labels: [...labels, 'more'] }),
      422,
      'invalid_artifact',
      'shape',
    ],
    [
      'another base',
      () =>
        withFile(version().files['adapter.safetensors'], {
          base: { name: 'tiny', digest: 'd'.repeat(64), tokenizer: 'c'.repeat(64) },
        }),
      409,
      'digest_mismatch',
      'was trained on base tiny',
    ],
    [
      'a base that is not there',
      () =>
        withFile(version().files['adapter.safetensors'], {
          base: { name: 'huge', digest: 'd'.repeat(64), tokenizer: 'c'.repeat(64) },
        }),
      404,
      'not_found',
      'no base huge',
    ],
    [
      'a base outside of bases',
      () =>
        withFile(version().files['adapter.safetensors'], {
          base: { name: '../tenants', digest: 'd'.repeat(64), tokenizer: 'c'.repeat(64) },
        }),
      422,
      'invalid_artifact',
      'base.name',
    ],
    [
      'a module named twice',
      () =>
        withFile(version().files['adapter.safetensors'], {
          lora: { rank: 1, alpha: 2, targetModules: ['q', 'q'] },
        }),
      422,
      'invalid_artifact',
      'lora.targetModules',
    ],
    [
      'another format',
      () => withFile(version().files['adapter.safetensors'], { formatVersion: 2 }),
      422,
      'invalid_artifact',
      'formatVersion',
    ],
    ['a manifest that is no JSON', () => ({ ...version(), manifest: Buffer.from('{') }), 422, 'invalid_artifact', 'manifest.json: not JSON'],
    // biome-ignore format: a table
  ])('%s', async (_what, made, status, code, detail) => {
    expect(await refused(() => put(partsOf(made())))).toEqual({
      status,
      code,
      detail: expect.stringContaining(detail),
    });
  });

  test('a body of other parts', async () => {
    const only = new FormData();
    only.append('manifest.json', new File(['{}'], 'manifest.json'));
    const text = partsOf(version());
    text.set('manifest.json', '{}');
    const twice = partsOf(version());
    twice.append('manifest.json', new File(['{}'], 'manifest.json'));
    const more = partsOf(version());
    more.append('tenant', 'bolt');
    for (const form of [only, text, twice, more, new FormData()])
      expect(await refused(() => put(form))).toMatchObject({ status: 422, code: 'invalid_request' });
  });

  test('a body that is no multipart, or breaks off', async () => {
    const types = [
      'application/json',
      'multipart/form-data',
      'application/x-www-form-urlencoded',
      'text/plain',
    ];
    for (const type of types)
      expect(await refused(() => put('{}', { headers: { 'content-type': type } }))).toMatchObject({
        status: 422,
        code: 'invalid_request',
      });
    const broken = '--b\r\ncontent-disposition: form-data; name="manifest.json"; filename="m"\r\n\r\n{';
    const headers = { 'content-type': 'multipart/form-data; boundary=b' };
    expect(await refused(() => put(broken, { headers }))).toMatchObject({
      status: 422,
      code: 'invalid_request',
      detail: expect.stringContaining('not whole'),
    });
  });

  test('a body over the limit, whatever its length says', async () => {
    const app = createApp({ ...world.services, limits: { ...limits, maxAdapterBytes: 1000 } });
    // As bytes: the stream that Node 24 makes of a form goes on after it was cancelled.
    const form = new Response(partsOf(withFile(new Uint8Array(2000))));
    const large = new Uint8Array(await form.arrayBuffer());
    const headers = { 'content-type': form.headers.get('content-type')! };
    expect(await refused(() => put(large, { app, headers }))).toMatchObject({
      status: 413,
      code: 'payload_too_large',
    });
    const short = { ...headers, 'content-length': '10' };
    expect(await refused(() => put(large, { app, headers: short }))).toMatchObject({ status: 413 });
  });

  test('what someone else moved first', async () => {
    const stale = { 'if-match': `"${'1'.repeat(64)}"` };
    expect(await refused(() => put(partsOf(version()), { headers: stale }))).toEqual({
      status: 409,
      code: 'conflict',
      detail: expect.stringContaining(`points to sha256:${world.digests.support}`),
    });
    expect(await refused(() => put(partsOf(version()), { headers: { 'if-none-match': '*' } }))).toMatchObject(
      { status: 409, code: 'conflict' },
    );
    const nowhere = { at: 'fresh/versions', headers: stale };
    expect(await refused(() => put(partsOf(version()), nowhere))).toMatchObject({
      status: 409,
      detail: expect.stringContaining('fresh@live is not there'),
    });
    expect(await refused(() => put(partsOf(version()), { headers: { 'if-match': 'W/"x"' } }))).toMatchObject({
      status: 422,
    });
  });

  test('a key without the scope push, and no key', async () => {
    expect(await refused(() => put(partsOf(version()), { key: predict }))).toMatchObject({ status: 403 });
    expect(await refused(() => put(partsOf(version()), { key: 'none' }))).toMatchObject({ status: 401 });
    expect(await remove('support', predict)).toMatchObject({ status: 403 });
    expect(await remove('support', 'none')).toMatchObject({ status: 401 });
  });
});

test('an adapter is described with what is tried beside its alias', async () => {
  await put(partsOf(versionOf(classes)), { at: 'support/versions?alias=candidate' });
  const { digest } = (await live('support', 'candidate'))!;
  const { support } = world.digests;
  const canary = { digest, percent: 12.5 };
  const adapter = { tenant: 'acme', name: 'support', alias: 'live' };
  await setAlias(world.store, { ...adapter, digest: support, canary, shadow: digest });
  const headers = { authorization: `Bearer ${predict}` };
  const described = await world.app.request('/v1/adapters/support', { headers });
  expect(await described.json()).toMatchObject({
    versions: [support, digest]
      .sort()
      .map(each => ({ digest: each, metrics: { served: { accuracy: 0.89 } } })),
    aliases: {
      live: { digest: support, previous: null, updated_at: expect.any(String), canary, shadow: digest },
      candidate: { digest, previous: null },
    },
  });
});

test('a push with another tenant’s key ends at that tenant', async () => {
  const before = await live();
  expect((await put(partsOf(versionOf(classes)), { key: foreign })).status).toBe(201);
  expect(await live()).toEqual(before);
  expect(await readAlias(world.store, { tenant: 'bolt', name: 'support', alias: 'live' })).toBeDefined();
});

describe('deleting', () => {
  const ask = async (model: string) => {
    const response = await world.app.request(
      '/v1/classification',
      posting(predict, { model, inputs: 'a b' }),
    );
    const { request_id: _id, detail, ...body } = (await response.json()) as Record<string, unknown>;
    return { status: response.status, body, detail: String(detail).replaceAll(model, 'MODEL') };
  };
  const describeOf = async (name: string) => {
    const response = await world.app.request(`/v1/adapters/${name}`, {
      headers: { authorization: `Bearer ${predict}` },
    });
    const { request_id: _id, detail, ...body } = (await response.json()) as Record<string, unknown>;
    return { status: response.status, body, detail: String(detail).replaceAll(name, 'NAME') };
  };
  const digestOnly = (digest: string) => `support@sha256:${digest}`;

  test('makes an adapter like one that never was and like another tenant’s, by name and by digest', async () => {
    const { support } = world.digests;
    expect((await ask('support')).status).toBe(200);
    expect((await ask(digestOnly(support))).status).toBe(200);
    expect(await remove('support')).toEqual({
      status: 200,
      body: { name: 'support', versions: [support], aliases: ['live'] },
    });
    world.clock.now = new Date(world.clock.now.getTime() + 5000);
    const unknown = {
      ask: await ask('never'),
      describe: await describeOf('never'),
      remove: await remove('never'),
    };
    expect(unknown.ask.status).toBe(404);
    for (const name of ['support', 'other']) {
      expect(await ask(name)).toEqual(unknown.ask);
      expect(await describeOf(name)).toEqual(unknown.describe);
      const removed = await remove(name);
      expect(JSON.stringify(removed).replaceAll(name, 'never')).toBe(JSON.stringify(unknown.remove));
    }
    expect(await ask(digestOnly(support))).toEqual(await ask(digestOnly('9'.repeat(64))));
  });

  test('between a look at the alias and the load is told by the name that was asked for', async () => {
    await world.store.delete(
      `tenants/acme/adapters/entities/versions/${(await live('entities'))!.digest}/manifest.json`,
    );
    const response = await world.app.request(
      '/v1/sequence-labeling',
      posting(predict, { model: 'entities', inputs: 'a b' }),
    );
    expect(await response.json()).toMatchObject({
      status: 404,
      detail: 'this tenant has no adapter entities@live: list its adapters to see what there is',
    });
  });

  test('takes another tenant’s key to that tenant’s adapters alone', async () => {
    expect(await remove('support', foreign)).toMatchObject({ status: 404 });
    expect((await live())?.digest).toBe(world.digests.support);
  });

  test.each(['..', 'Support', '%2e%2e%2fkeys', 'a'.repeat(64)])('of %s reaches no key', async name => {
    const before = await allKeys(world.store);
    expect((await remove(name)).status).toBeGreaterThanOrEqual(400);
    expect(await allKeys(world.store)).toEqual(before);
  });
});
