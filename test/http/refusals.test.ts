import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { VeneerError } from '../../functions/error.ts';
import { createApp } from '../../functions/http/app.ts';
import type { Problem } from '../../functions/http/problem.ts';
import { servedStore } from '../../functions/http/served-store.ts';
import { fakeBase } from './fake-base.ts';
import { limits, posting, publish, type Serving, serving } from './tenants.ts';

let world: Serving;
beforeAll(async () => {
  world = await serving();
});
afterAll(() => world.remove());

let logged: string[];
beforeEach(() => {
  logged = [];
  vi.spyOn(process.stderr, 'write').mockImplementation(line => logged.push(String(line)) > 0);
});
afterEach(() => {
  vi.restoreAllMocks();
});

const path = '/v1/classification';
const good = { model: 'support', inputs: 'my card' };

/** Asks, and checks what every problem must have. */
async function refused(request: RequestInit, { at = path, app = world.app } = {}) {
  const response = await app.request(at, request);
  const body = (await response.json()) as Problem;
  expect(response.headers.get('content-type')).toBe('application/problem+json');
  expect(body.status).toBe(response.status);
  expect(body.request_id).toBe(response.headers.get('x-request-id'));
  expect(body).toMatchObject({
    type: expect.any(String),
    title: expect.any(String),
    code: expect.any(String),
  });
  return { status: response.status, body, response };
}

const refusedBody = (body: unknown) => refused(posting(world.key, body));

describe('400', () => {
  it('answers a body that is not JSON', async () => {
    for (const text of ['', '{', 'inputs=a', '{"model":"support","inputs":"a"}}'])
      expect((await refusedBody(text)).body).toMatchObject({ status: 400, code: 'invalid_json' });
  });

  it('answers a body that is not UTF-8', async () => {
    const body = Buffer.concat([
      Buffer.from('{"model":"support","inputs":"'),
      Buffer.from([0xe9]),
      Buffer.from('"}'),
    ]);
    const { status, body: problem } = await refused({ ...posting(world.key, ''), body });
    expect(status).toBe(400);
    expect(problem.detail).toContain('UTF-8');
  });

  it('does not quote the body', async () => {
    const { body } = await refusedBody('{"inputs": "my secret" oops');
    expect(JSON.stringify(body)).not.toMatch(/secret|oops/);
    expect(logged).toEqual([]);
  });
});

describe('422', () => {
  const cases: [string, unknown, string][] = [
    ['null', null, 'body'],
    ['an array', [], 'body'],
    ['no model', { inputs: 'a' }, 'model'],
    ['no inputs', { model: 'support' }, 'inputs'],
    ['no texts', { ...good, inputs: [] }, 'inputs'],
    ['too many texts', { ...good, inputs: ['a', 'b', 'c', 'd', 'e'] }, 'inputs'],
    ['a number for a text', { ...good, inputs: 7 }, 'inputs'],
    ['a text that is too long', { ...good, inputs: 'b'.repeat(limits.maxTextLength + 1) }, 'inputs'],
    ['a misspelt field of an input', { ...good, inputs: { text: 'a', textpair: 'b' } }, 'inputs'],
    ['a wrong field of an input', { ...good, inputs: { text: 'a', text_pair: 1 } }, 'inputs.text_pair'],
    ['a tenant in the body', { ...good, tenant: 'bolt' }, 'body'],
    ['a top_k of 0', { ...good, parameters: { top_k: 0 } }, 'parameters.top_k'],
    ['a top_k of 1.5', { ...good, parameters: { top_k: 1.5 } }, 'parameters.top_k'],
    ["another task's parameter", { ...good, parameters: { no_answer: true } }, 'parameters'],
    [
      'an unknown encoding',
      { ...good, parameters: { offset_encoding: 'bytes' } },
      'parameters.offset_encoding',
    ],
  ];
  for (const [what, body, where] of cases)
    it(`answers ${what}, saying where`, async () => {
      const { body: problem } = await refusedBody(body);
      expect(problem).toMatchObject({ status: 422, code: 'invalid_request' });
      expect(problem.errors![0]!.path).toBe(where);
      expect(problem.detail).toBe(`${where}: ${problem.errors![0]!.message}`);
    });

  it('answers what is no adapter reference', async () => {
    for (const model of ['', '../other', 'Support', 'support@', 'support@sha256:12', 'a/b', 'support\u0000'])
      expect((await refusedBody({ ...good, model })).body).toMatchObject({
        status: 422,
        code: 'invalid_request',
      });
  });

  it('answers with a list of limited length, whatever was sent', async () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`field${i}`, 1]));
    const { body } = await refusedBody({ ...good, parameters: many });
    expect(JSON.stringify(body).length).toBeLessThan(2000);
  });

  it('answers a question that leaves no room for its context', async () => {
    const inputs = { question: 'a '.repeat(20), context: 'b '.repeat(20) };
    const request = posting(world.key, { model: 'answers', inputs });
    expect((await refused(request, { at: '/v1/question-answering' })).status).toBe(422);
  });
});

describe('404', () => {
  it("is the same for an adapter that nobody has and for another tenant's", async () => {
    const asOther = async (model: string) => {
      const { body } = await refused(posting(world.otherKey, { ...good, model }));
      expect(body).toMatchObject({ status: 404, code: 'not_found' });
      return JSON.stringify({ ...body, request_id: '' }).replaceAll(model.split('@')[0]!, 'NAME');
    };
    expect(await asOther('support')).toBe(await asOther('nothing'));
    const digest = `@sha256:${world.digests.support}`;
    expect(await asOther(`support${digest}`)).toBe(await asOther(`nothing${digest}`));
    // Neither after the owner has loaded it, nor under a name of its own.
    expect((await world.app.request(path, posting(world.key, good))).status).toBe(200);
    expect(await asOther(`support${digest}`)).toBe(await asOther(`other${digest}`));
  });

  it('answers a path that nothing serves', async () => {
    expect((await refused({}, { at: '/nothing' })).body).toMatchObject({ status: 404, code: 'not_found' });
    expect((await refused(posting(world.key, good), { at: '/v1/translation' })).status).toBe(404);
  });
});

describe('409', () => {
  it('answers an adapter of another task', async () => {
    const { body } = await refusedBody({ ...good, model: 'entities' });
    expect(body).toMatchObject({ status: 409, code: 'wrong_task' });
    expect(body.detail).toBe('the adapter serves sequence-labeling, not classification');
  });

  it('answers an adapter of another base', async () => {
    const base = { name: 'tiny', digest: '1'.repeat(64), tokenizer: '2'.repeat(64) };
    const labels = ['no', 'yes'];
    await publish(world.store, { tenant: 'acme', name: 'stranger', task: 'classification', labels, base });
    expect((await refusedBody({ ...good, model: 'stranger' })).body).toMatchObject({
      status: 409,
      code: 'digest_mismatch',
    });
  });
});

describe('413', () => {
  const tooLong = JSON.stringify({ ...good, inputs: 'a'.repeat(limits.maxBodyBytes) });
  const tooLarge = { status: 413, code: 'payload_too_large' };

  it('answers a body over the limit that says its length', async () => {
    const request = posting(world.key, tooLong, { 'content-length': String(tooLong.length) });
    expect((await refused(request)).body).toMatchObject(tooLarge);
  });

  it('answers one that says a smaller length, or none', async () => {
    for (const headers of [
      { 'content-length': '10' },
      {},
      { 'transfer-encoding': 'chunked', 'content-length': '10' },
    ])
      expect(
        (await refused(posting(world.key, tooLong, headers as Record<string, string>))).body,
      ).toMatchObject(tooLarge);
  });

  it('stops reading an endless body at the limit', async () => {
    let pulled = 0;
    const body = new ReadableStream({
      pull(controller) {
        pulled += 1000;
        controller.enqueue(new Uint8Array(1000).fill(0x20));
      },
    });
    const request = { ...posting(world.key, ''), body, duplex: 'half' } as RequestInit;
    expect((await refused(request)).body).toMatchObject(tooLarge);
    expect(pulled).toBeLessThan(3 * limits.maxBodyBytes);
  });

  it('takes a body of exactly the limit', async () => {
    const text = JSON.stringify(good);
    const body = text + ' '.repeat(limits.maxBodyBytes - text.length);
    expect((await world.app.request(path, posting(world.key, body))).status).toBe(200);
    expect((await refusedBody(`${body} `)).body).toMatchObject(tooLarge);
  });
});

describe('500 and 503', () => {
  it('answers a bug without details and logs where it happened, without texts or keys', async () => {
    const base = fakeBase();
    base.engine.run = async rows => {
      throw new TypeError(`cannot read my card of ${rows.length}`);
    };
    const app = createApp({ ...world.services, base: async () => base });
    const { body } = await refused(posting(world.key, good), { app });
    expect(body).toEqual({
      type: 'about:blank',
      title: 'Internal Server Error',
      status: 500,
      code: 'internal',
      request_id: body.request_id,
    });
    expect(logged).toHaveLength(1);
    const line = JSON.parse(logged[0]!);
    expect(line).toMatchObject({ level: 'error', request_id: body.request_id, error: 'TypeError' });
    expect(line.frames[0]).toContain('refusals.test.ts');
    expect(logged[0]).not.toContain('my card');
    expect(logged[0]).not.toContain(world.key);
  });

  it('answers 503 where the base cannot be opened, and tells the reason to the log only', async () => {
    const base = async () => {
      throw new VeneerError('unavailable', 'the base cannot be opened: no such file');
    };
    const app = createApp({ ...world.services, base });
    const { body, response } = await refused(posting(world.key, good), { app });
    expect(body).toMatchObject({ status: 503, code: 'unavailable' });
    expect(body.detail).toBeUndefined();
    expect(response.headers.get('retry-after')).toBe('1');
    expect(JSON.parse(logged[0]!).message).toContain('no such file');
  });

  it('answers 503, not 403, where the store refuses the server', async () => {
    const refuses = async () => {
      throw new VeneerError('forbidden', 'reading in s3://bucket: S3 refused these credentials');
    };
    const store = servedStore({ ...world.store, get: refuses });
    const { body } = await refused(posting(world.key, good), {
      app: createApp({ ...world.services, store }),
    });
    expect(body).toMatchObject({ status: 503, code: 'unavailable' });
    expect(JSON.stringify(body)).not.toContain('bucket');
    expect(logged[0]).toContain('s3://bucket');
  });
});
