/** What differs where a Node server stands before the app: header fields, bodies and clients that go away are its own. */
import { once } from 'node:events';
import { type IncomingHttpHeaders, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import type { RunOptions } from '../../functions/engine/engine.ts';
import { createApp } from '../../functions/http/app.ts';
import { fakeBase } from './fake-base.ts';
import { keyFor, limits, type Serving, serving } from './tenants.ts';

let world: Serving;
let key: string;
let server: Server;
/** How the engine answers, and what it was told. */
let answer: ((run: RunOptions) => Promise<void>) | undefined;

beforeAll(async () => {
  // What the log says of the 503s.
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  world = await serving();
  const rate = { requestsPerMinute: 600, tokensPerMinute: 6000 };
  key = await keyFor(world.store, 'acme', { rate });
  const base = fakeBase();
  const { run } = base.engine;
  base.engine.run = async (rows, options = {}) => {
    await answer?.(options);
    return run(rows, options);
  };
  const app = createApp({
    ...world.services,
    base: async () => base,
    limits: { ...limits, deadlineMs: 300 },
  });
  server = createAdaptorServer({ fetch: app.fetch }) as Server;
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
afterAll(async () => {
  server.close();
  vi.restoreAllMocks();
  await world.remove();
});

const body = JSON.stringify({ model: 'support', inputs: 'my card' });

interface Sent {
  path?: string;
  method?: string;
  headers?: Record<string, string | string[]>;
  /** Pieces of a body whose length is not told. */
  pieces?: string[];
}

function send({ path = '/v1/classification', method = 'POST', headers = {}, pieces }: Sent = {}) {
  const { port } = server.address() as AddressInfo;
  const sent = request({
    ...{ host: '127.0.0.1', port, path, method, agent: false },
    headers: {
      authorization: `Bearer ${key}`,
      ...(pieces || method !== 'POST' ? {} : { 'content-length': String(body.length) }),
      ...headers,
    },
  });
  const answered = new Promise<{ status: number; headers: IncomingHttpHeaders; text: string }>(
    (resolve, reject) => {
      sent.on('error', reject).on('response', response => {
        let text = '';
        response.setEncoding('utf8').on('data', piece => {
          text += piece;
        });
        response.on('end', () => resolve({ status: response.statusCode!, headers: response.headers, text }));
      });
    },
  );
  for (const piece of pieces ?? []) sent.write(piece);
  sent.end(method === 'POST' && !pieces ? body : undefined);
  return { sent, answered };
}

describe('header fields', () => {
  it('of a prediction say all there is to say', async () => {
    const { status, headers, text } = await send({ headers: { 'x-request-id': 'mine-1' } }).answered;
    expect(status).toBe(200);
    expect(JSON.parse(text).outputs[0].scores).toHaveLength(3);
    expect(headers).toMatchObject({
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(text)),
      'x-request-id': 'mine-1',
      'x-adapter-digest': world.digests.support,
      'x-compute-tokens': '4',
      'x-compute-windows': '1',
      'ratelimit-policy': '"tokens";q=6000;w=60, "requests";q=600;w=60',
    });
    expect(headers.ratelimit).toMatch(/^"tokens";r=5996;t=1, "requests";r=599;t=1$/);
    expect(headers['server-timing']).toMatch(/^(\w+;dur=\d+\.\d, ){6}decode;dur=\d+\.\d$/);
  });

  it.each([
    ['a list', { path: '/v1/adapters', method: 'GET' }, 200, true],
    ['its head alone', { path: '/v1/adapters', method: 'HEAD' }, 200, true],
    ['a page', { path: '/playground', method: 'GET' }, 200, false],
    ['an adapter that is not there', { path: '/models/nothing' }, 404, true],
    ['a path that is not served', { path: '/nothing', method: 'GET' }, 404, false],
    ['a method that is not served', { path: '/v1/classification', method: 'GET' }, 405, false],
    ['a wrong key', { headers: { authorization: 'Bearer wrong' } }, 401, false],
  ] as const)(
    'of %s have the request’s id, and of a key its limits',
    async (_what, sent, status, limited) => {
      const { headers, ...answered } = await send({
        ...sent,
        headers: { 'x-request-id': 'mine-2', ...('headers' in sent ? sent.headers : {}) },
      }).answered;
      expect(answered.status).toBe(status);
      expect(headers['x-request-id']).toBe('mine-2');
      expect(headers.ratelimit !== undefined).toBe(limited);
      expect(headers['ratelimit-policy'] !== undefined).toBe(limited);
      expect(headers.allow).toBe(status === 405 ? 'POST' : undefined);
    },
  );

  it('that name two credentials are no credential', async () => {
    const both = ['Bearer wrong', `Bearer ${key}`];
    for (const authorization of [both, both.toReversed()])
      expect((await send({ headers: { authorization } }).answered).status).toBe(401);
  });

  it('name the tenant for an admin alone', async () => {
    const acting = { 'x-veneer-tenant': 'bolt' };
    const list = { path: '/v1/adapters', method: 'GET' };
    expect((await send({ ...list, headers: acting }).answered).status).toBe(403);
    const admin = await keyFor(world.store, 'acme', { scopes: ['admin'] });
    const headers = { ...acting, authorization: `Bearer ${admin}` };
    const { text } = await send({ ...list, headers }).answered;
    expect(JSON.parse(text).adapters).toMatchObject([{ name: 'other' }]);
  });
});

describe('a body', () => {
  it('may come in pieces whose length is not told, up to the limit', async () => {
    expect((await send({ pieces: [body.slice(0, 9), body.slice(9)] }).answered).status).toBe(200);
    const { status } = await send({ pieces: Array(6).fill(' '.repeat(1000)) }).answered;
    expect(status).toBe(413);
  });
});

describe('a client that goes away, and a deadline that passes', () => {
  const heard = () =>
    new Promise<unknown>(resolve => {
      answer = ({ signal }) =>
        new Promise((_, reject) => {
          signal!.addEventListener('abort', () => {
            resolve(signal!.reason);
            reject(signal!.reason);
          });
          underWay?.();
        });
    });
  let underWay: (() => void) | undefined;

  it('stop what waits for the engine', async () => {
    const reason = heard();
    const began = new Promise<void>(resolve => {
      underWay = resolve;
    });
    const { sent, answered } = send();
    const lost = expect(answered).rejects.toThrow();
    await began;
    sent.destroy();
    expect(await reason).toMatchObject({ name: 'AbortError' });
    await lost;
    underWay = undefined;
  });

  it('answer 503 where somebody still waits', async () => {
    const reason = heard();
    const { status, headers, text } = await send().answered;
    expect([status, headers['retry-after']]).toEqual([503, '1']);
    expect(JSON.parse(text)).toMatchObject({ code: 'unavailable' });
    expect(await reason).toMatchObject({ name: 'TimeoutError' });
  });

  it('are forgotten once the answer is there', async () => {
    let listeners = 0;
    let signal: RunOptions['signal'];
    answer = async run => {
      signal = run.signal;
      listeners++;
    };
    const { sent, answered } = send();
    expect((await answered).status).toBe(200);
    sent.destroy();
    await new Promise(resolve => setTimeout(resolve, 400));
    expect([listeners, signal!.aborted]).toEqual([1, false]);
  });
});
