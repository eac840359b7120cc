/** serve and keys: a server of one's own from start to stop, and who may ask it what. */
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createApp } from '../../functions/http/app.ts';
import { openServices } from '../../functions/http/services.ts';
import type { Store } from '../../functions/store/store.ts';
import { readExposition, total } from '../http/exposition.ts';
import { type Running, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
  resultOf(await workspace.run('push-adapter', 'adapter', '--tenant', 'acme', '--name', 'topic', '--json'));
});
afterAll(() => workspace.remove());

const keyOf = async (tenant: string) =>
  resultOf(await workspace.run('keys', 'create', '--tenant', tenant, '--json')).key as string;
const firstLine = ({ child }: Running) =>
  new Promise<string>(resolve => child.stdout!.once('data', piece => resolve(String(piece))));

describe('serve', () => {
  test('says where it listens, answers, and stops on SIGTERM with 0', async () => {
    const keys = [await keyOf('acme'), await keyOf('bolt')];
    const server = workspace.start('serve', '--host', '127.0.0.1', '--port', '0', '--threads', '1');
    const line = await firstLine(server);
    expect(line).toMatch(/^listening on http:\/\/127\.0\.0\.1:\d+\n$/);
    const ask = (key: string) =>
      fetch(`${line.slice('listening on '.length, -1)}/v1/classification`, {
        method: 'POST',
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
        body: JSON.stringify({ model: 'topic', inputs: 'the parcel was late' }),
      });
    const [own, foreign, none] = await Promise.all([ask(keys[0]!), ask(keys[1]!), ask('vn_acme_x')]);
    expect([own.status, foreign.status, none.status]).toEqual([200, 404, 401]);
    expect(await own.json()).toMatchObject({ outputs: [{ label: expect.any(String) }] });
    server.child.kill('SIGTERM');
    expect(await server.ended).toMatchObject({ code: 0, signal: null, stdout: line });
  });

  test('with --json it says so in one line of JSON, and SIGINT stops it as well', async () => {
    const server = workspace.start('serve', '--port', '0', '--json');
    const line = await firstLine(server);
    expect(JSON.parse(line)).toEqual({ url: expect.stringMatching(/^http:\/\/127\.0\.0\.1:\d+$/) });
    server.child.kill('SIGINT');
    expect(await server.ended).toMatchObject({ code: 0, signal: null, stdout: line });
  });

  test('with a port for metrics, /metrics is there without a key, and --log info logs each request', async () => {
    const key = await keyOf('acme');
    const server = workspace.start(
      ...['serve', '--port', '0', '--metrics-port', '0', '--log', 'info', '--threads', '1', '--json'],
    );
    const { url, metricsUrl } = JSON.parse(await firstLine(server)) as { url: string; metricsUrl: string };
    const response = await fetch(`${url}/v1/classification`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}` },
      body: JSON.stringify({ model: 'topic', inputs: ['the parcel was late', 'refund'] }),
    });
    expect(response.status).toBe(200);
    expect((await fetch(`${url}/metrics`)).status).toBe(401);
    const families = readExposition(await (await fetch(`${metricsUrl}/metrics`)).text());
    expect(total(families, 'veneer_engine_batch_rows_sum')).toBe(2);
    for (const stage of ['queue', 'run'])
      expect(total(families, 'veneer_stage_duration_seconds_sum', { stage })).toBeGreaterThan(0);
    expect(total(families, 'veneer_adapter_cache_load_seconds_count')).toBe(1);
    server.child.kill('SIGTERM');
    const { code, stderr } = await server.ended;
    expect(code).toBe(0);
    const lines = stderr.trim().split('\n');
    expect(lines.map(line => JSON.parse(line).route)).toEqual(['/v1/classification', '/metrics']);
  });

  test('a taken port, a host that is not here and an empty store are refused', async () => {
    const server = workspace.start('serve', '--port', '0', '--json');
    const { port } = new URL(JSON.parse(await firstLine(server)).url);
    const refused = async (...args: string[]) => (await workspace.run('serve', ...args)).stderr;
    expect(await refused('--port', port)).toMatch(/^error: cannot listen on .*: the port is taken.*\n$/);
    expect(await refused('--port', '0', '--host', '192.0.2.1')).toMatch(/^error: cannot listen on .*\n$/);
    expect(await refused('--port', '0', '--store', 'file:empty')).toMatch(/^error: .*has no base.*\n$/);
    server.child.kill('SIGTERM');
    await server.ended;
  });
});

describe('a server that starts with adapters', () => {
  const status = async (app: ReturnType<typeof createApp>) => (await app.request('/readyz')).status;

  test('is ready once they are loaded, not before', async () => {
    let release = () => {};
    const held = new Promise<void>(resolve => {
      release = resolve;
    });
    const store: Store = {
      ...workspace.store,
      async get(key) {
        if (key.endsWith('.safetensors')) await held;
        return workspace.store.get(key);
      },
    };
    const prefetch = [{ tenant: 'acme', reference: 'topic' }];
    const services = openServices({ store, cacheDir: workspace.path('cache'), workers: 1, prefetch });
    const app = createApp(services);
    await services.base();
    expect(await status(app)).toBe(503);
    release();
    await vi.waitFor(async () => expect(await status(app)).toBe(200), { timeout: 10_000 });
    expect(services.adapters.stats()).toMatchObject({ loads: 1, misses: 1, hits: 0 });
    await services.close();
  });

  test('is ready without those that cannot be loaded, and its log names them', async () => {
    const logged: string[] = [];
    const write = vi.spyOn(process.stderr, 'write').mockImplementation(line => logged.push(String(line)) > 0);
    const prefetch = ['nothing', 'topic'].map(reference => ({ tenant: 'acme', reference }));
    const { store } = workspace;
    const services = openServices({ store, cacheDir: workspace.path('cache'), workers: 0, prefetch });
    const app = createApp(services);
    await vi.waitFor(async () => expect(await status(app)).toBe(200), { timeout: 10_000 });
    write.mockRestore();
    expect(logged.join('')).toContain('nothing@live');
    expect(services.adapters.stats()).toMatchObject({ loads: 1, resident: 1 });
    await services.close();
  });

  test('takes their list from --prefetch, and refuses one that cannot be right', async () => {
    const list = 'acme/topic, acme/topic@live';
    const server = workspace.start('serve', '--port', '0', '--threads', '1', '--json', '--prefetch', list);
    const { url } = JSON.parse(await firstLine(server));
    await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), {
      timeout: 10_000,
    });
    server.child.kill('SIGTERM');
    await server.ended;
    expect(await workspace.run('serve', '--port', '0', '--prefetch', 'topic')).toMatchObject({
      code: 2,
      stderr: expect.stringMatching(/^error: --prefetch has "topic": write [^\n]+\n$/),
    });
  });
});

test('a revoked key is refused once the server’s belief in it has run out', async () => {
  // The command writes to the store of a server in this process, whose clock the test holds.
  const key = await keyOf('acme');
  let uptime = 0;
  const services = openServices({ store: workspace.store, cacheDir: workspace.path('cache'), workers: 1 });
  const app = createApp({ ...services, uptimeMs: () => uptime });
  const status = async () =>
    (await app.request('/v1/adapters', { headers: { authorization: `Bearer ${key}` } })).status;
  expect(await status()).toBe(200);
  resultOf(await workspace.run('keys', 'revoke', key, '--tenant', 'acme', '--json'));
  expect(await status()).toBe(200);
  uptime += 30_000;
  expect(await status()).toBe(401);
  await services.close();
});

test.each([
  'keys list --tenant ACME',
  'keys revoke nothing --tenant acme',
  'keys create --tenant a --expires 2001-01-01',
])('%s fails with one line', async line => {
  expect(await workspace.run(...line.split(' '))).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringMatching(/^error: [^\n]+\n$/),
  });
});
