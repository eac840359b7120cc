import { mkdtemp, rm } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { canonicalJson } from '../../functions/artifacts/digest.ts';
import { onlyBase } from '../../functions/http/base-name.ts';
import { readEnvironment } from '../../functions/http/environment.ts';
import { type RunningServer, startServer } from '../../functions/http/serve.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';
import { baseManifest } from './fake-base.ts';
import { keyFor, publish } from './tenants.ts';

let folder: string;
let store: Store;
let server: RunningServer;
let key: string;
let logged: string[];

const start = (changes: Partial<Parameters<typeof startServer>[0]> = {}) =>
  startServer({ store, host: '127.0.0.1', port: 0, workers: 1, cacheDir: join(folder, 'cache'), ...changes });

beforeEach(() => {
  logged = [];
  vi.spyOn(process.stderr, 'write').mockImplementation(line => logged.push(String(line)) > 0);
});

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-serve-'));
  store = openDirectoryStore(join(folder, 'store'));
  // A base without its files: it is found, and cannot be opened.
  await store.put('bases/tiny/manifest.json', canonicalJson(baseManifest));
  await publish(store, { tenant: 'acme', name: 'support', task: 'classification', labels: ['no', 'yes'] });
  key = await keyFor(store, 'acme');
  vi.spyOn(process.stderr, 'write').mockReturnValue(true);
  server = await start({ limits: { maxBodyBytes: 1000 } });
});
afterAll(async () => {
  await server.close();
  vi.restoreAllMocks();
  await rm(folder, { recursive: true });
});

describe('the Node server', () => {
  it('answers on a free port of its own', async () => {
    expect(server.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
    expect(await (await fetch(`${server.url}/healthz`)).json()).toEqual({ status: 'ok' });
    const response = await fetch(`${server.url}/v1/adapters`, {
      headers: { authorization: `Bearer ${key}` },
    });
    expect(await response.json()).toEqual({
      adapters: [{ name: 'support', versions: 1, aliases: ['live'] }],
    });
    expect(response.headers.get('x-request-id')).toBeTruthy();
  });

  it('says that it is not ready, and to its log why', async () => {
    const response = await fetch(`${server.url}/readyz`);
    expect(response.status).toBe(503);
    await vi.waitFor(() => expect(logged.join('')).toContain('pull-base tiny --force'));
    expect(await response.text()).not.toContain('pull-base');
  });

  it('answers 503 to a prediction, never something made up', async () => {
    const body = JSON.stringify({ model: 'support', inputs: 'a' });
    const headers = { authorization: `Bearer ${key}` };
    const response = await fetch(`${server.url}/v1/classification`, { method: 'POST', headers, body });
    expect(response.status).toBe(503);
  });

  it('refuses a body over the limit that comes in pieces of unknown number, and lives on', async () => {
    const status = await new Promise((resolve, reject) => {
      const headers = { authorization: `Bearer ${key}` };
      const outgoing = request(`${server.url}/v1/classification`, { method: 'POST', headers }, incoming => {
        incoming.resume();
        resolve(incoming.statusCode);
      });
      outgoing.on('error', reject);
      for (let i = 0; i < 100; i++) outgoing.write('x'.repeat(1000));
      outgoing.end();
    });
    expect(status).toBe(413);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
  });

  it('says in one line that a port is taken', async () => {
    const port = Number(new URL(server.url).port);
    await expect(start({ port })).rejects.toMatchObject({
      code: 'unavailable',
      message: `cannot listen on 127.0.0.1 port ${port}: the port is taken: choose another`,
    });
  });

  it('can be closed while it opens its base, and then answers no more', async () => {
    const other = await start();
    await other.close();
    await expect(fetch(`${other.url}/healthz`)).rejects.toThrow();
  });
});

describe('the base to serve', () => {
  it('is the only one, and must be named where there are several or none', async () => {
    expect(await onlyBase(store)).toBe('tiny');
    const empty = openDirectoryStore(join(folder, 'empty'));
    await expect(start({ store: empty })).rejects.toMatchObject({ code: 'not_found' });
    await empty.put('bases/one/manifest.json', canonicalJson({}));
    await empty.put('bases/two/manifest.json', canonicalJson({}));
    await expect(start({ store: empty })).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('2 bases (one, two)'),
    });
  });
});

describe('the environment', () => {
  const read = (env: Record<string, string>) => readEnvironment(env, { cacheDir: 'cache' });

  it('has a default for everything', async () => {
    const { store: opened, ...rest } = await read({});
    expect(opened.url).toMatch(/^file:.*\.veneer$/);
    expect(rest).toMatchObject({ baseName: undefined, host: '127.0.0.1', port: 8787, cacheDir: 'cache' });
    expect(rest.workers).toBeGreaterThan(0);
  });

  it('is read from its variables', async () => {
    const env = { VENEER_STORE: `file:${folder}`, VENEER_BASE: 'tiny', HOST: '::1', PORT: '0' };
    const options = await read({ ...env, VENEER_CACHE_DIR: 'here', VENEER_WORKERS: '3' });
    expect(options.store.url).toBe(`file:${folder}`);
    expect(options).toMatchObject({ baseName: 'tiny', host: '::1', port: 0, cacheDir: 'here', workers: 3 });
  });

  it('names the variable that cannot be right', async () => {
    for (const PORT of ['http', '-1', '65536', '1e3', '80 '])
      await expect(read({ PORT })).rejects.toMatchObject({
        code: 'usage',
        message: expect.stringMatching(/^PORT is/),
      });
    await expect(read({ VENEER_WORKERS: '-1' })).rejects.toMatchObject({ code: 'usage' });
    await expect(read({ VENEER_STORE: 'ftp://x' })).rejects.toMatchObject({ code: 'usage' });
  });
});
