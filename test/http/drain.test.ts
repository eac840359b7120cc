/** Servers that are told to stop, in processes of their own: what was under way is answered, and nothing is left over. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { type AddressInfo, createConnection, createServer } from 'node:net';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { resultOf } from '../cli/trainer.ts';
import { openWorkspace, type Workspace } from '../cli/workspace.ts';
import { readExposition, total } from './exposition.ts';

let workspace: Workspace;
let key: string;
beforeAll(async () => {
  workspace = await openWorkspace();
  resultOf(await workspace.run('push-adapter', 'adapter', '--tenant', 'acme', '--name', 'topic', '--json'));
  key = resultOf(await workspace.run('keys', 'create', '--tenant', 'acme', '--json')).key as string;
});
afterAll(() => workspace.remove());

const program = fileURLToPath(new URL('../../dist/functions/server.js', import.meta.url));
const question = JSON.stringify({ model: 'topic', inputs: ['the parcel was late', 'refund the money'] });

/** A server whose log is kept. */
async function start(env: Record<string, string>) {
  const child = spawn(process.execPath, [program], {
    cwd: workspace.folder,
    env: {
      ...process.env,
      ...{
        VENEER_STORE: 'file:.veneer',
        PORT: '0',
        VENEER_WORKERS: '1',
        VENEER_CACHE_DIR: workspace.path('cache'),
      },
      ...{ VENEER_DRAIN_DELAY_MS: '0', ...env },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = text(child.stderr);
  const ended = once(child, 'close').then(([code, signal]) => ({ code, signal }));
  const url = String((await once(child.stdout, 'data'))[0]).trim();
  await vi.waitFor(async () => expect((await fetch(`${url}/readyz`)).status).toBe(200), 20_000);
  return { child, url, log, ended };
}

interface Held {
  sent: ClientRequest;
  answer: Promise<IncomingMessage>;
}

/** A request that the server has begun to read, and that waits for the rest of its body. */
async function hold(url: string, agent?: Agent): Promise<Held> {
  const sent = request(`${url}/v1/classification`, {
    ...{ method: 'POST', agent },
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'content-length': question.length,
      // The server says when it has the head.
      expect: '100-continue',
    },
  });
  const answer = once(sent, 'response').then(([response]) => response as IncomingMessage);
  answer.catch(() => {});
  sent.flushHeaders();
  await once(sent, 'continue');
  sent.write(question.slice(0, 10));
  return { sent, answer };
}

async function finish({ sent, answer }: Held) {
  sent.end(question.slice(10));
  const response = await answer;
  return { status: response.statusCode, headers: response.headers, body: JSON.parse(await text(response)) };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  await new Promise(resolve => server.close(resolve));
  return port;
}

/** Whether somebody still listens there. */
const listens = (url: string) =>
  new Promise<boolean>(resolve => {
    const { hostname, port } = new URL(url);
    const socket = createConnection(Number(port), hostname, () => {
      socket.destroy();
      resolve(true);
    }).on('error', () => resolve(false));
  });
const refuses = (url: string) =>
  vi.waitFor(async () => expect(await listens(url)).toBe(false), { timeout: 20_000, interval: 20 });

describe.each(['SIGTERM', 'SIGINT'] as const)('%s', signal => {
  test('lets every request that is under way have its answer, and then ends the process with 0', async () => {
    const server = await start({});
    const agent = new Agent({ keepAlive: true });
    const held = await Promise.all(Array.from({ length: 16 }, () => hold(server.url, agent)));
    server.child.kill(signal);
    await refuses(server.url);
    const answers = await Promise.all(held.map(finish));
    expect(answers.map(({ status }) => status)).toEqual(held.map(() => 200));
    for (const { body, headers } of answers) {
      expect(body.outputs).toHaveLength(2);
      expect(headers.connection).toBe('close');
    }
    expect(await server.ended).toEqual({ code: 0, signal: null });
    const lines = (await server.log)
      .trim()
      .split('\n')
      .map(line => JSON.parse(line));
    expect(
      lines.filter(({ route, status }) => route === '/v1/classification' && status === 200),
    ).toHaveLength(16);
    expect(lines.filter(({ level, route }) => level === 'error' && route !== '/readyz')).toEqual([]);
    agent.destroy();
  });
});

describe('a server that stops', () => {
  test('says for a while that it is not ready, and answers all the same', async () => {
    const server = await start({ VENEER_DRAIN_DELAY_MS: '3000' });
    const held = await hold(server.url);
    server.child.kill('SIGTERM');
    await vi.waitFor(async () => expect((await fetch(`${server.url}/readyz`)).status).toBe(503), 20_000);
    const late = await hold(server.url);
    expect((await finish(late)).status).toBe(200);
    expect((await fetch(`${server.url}/healthz`)).status).toBe(200);
    expect((await finish(held)).status).toBe(200);
    expect(await server.ended).toEqual({ code: 0, signal: null });
  });

  test('cuts off what is still under way after its time, says how many, and ends with 0', async () => {
    const server = await start({ VENEER_DRAIN_MS: '200' });
    const held = await hold(server.url);
    server.child.kill('SIGTERM');
    await expect(held.answer).rejects.toThrow();
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(await server.log).toContain('1 requests were cut off after 200 ms');
  });

  test('ends at once at a second signal', async () => {
    const server = await start({ VENEER_DRAIN_MS: '600000' });
    const held = await hold(server.url);
    server.child.kill('SIGTERM');
    await refuses(server.url);
    server.child.kill('SIGTERM');
    expect(await server.ended).toEqual({ code: 128 + 15, signal: null });
    await expect(held.answer).rejects.toThrow();
  });

  test('has a listener for metrics until its end, where nothing else is served', async () => {
    const port = await freePort();
    const server = await start({ VENEER_METRICS_PORT: String(port) });
    const metrics = `http://127.0.0.1:${port}`;
    const held = await hold(server.url);
    server.child.kill('SIGTERM');
    await refuses(server.url);
    const families = readExposition(await (await fetch(`${metrics}/metrics`)).text());
    expect(total(families, 'veneer_http_requests_in_flight')).toBe(1);
    expect((await fetch(`${metrics}/v1/adapters`)).status).toBe(404);
    await finish(held);
    expect(await server.ended).toEqual({ code: 0, signal: null });
    expect(await listens(metrics)).toBe(false);
  });
});

test.each([
  { VENEER_DRAIN_MS: '-1' },
  { VENEER_DRAIN_DELAY_MS: '1s' },
  { VENEER_METRICS_PORT: '99999' },
  { VENEER_METRICS_TENANTS: 'yes' },
  { VENEER_LOG: 'loud' },
])('%o is refused by the name of the variable', async variables => {
  const child = spawn(process.execPath, [program], {
    cwd: workspace.folder,
    env: { ...process.env, VENEER_STORE: 'file:.veneer', PORT: '0', ...(variables as object) },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  const [message, [code]] = await Promise.all([text(child.stderr), once(child, 'close')]);
  expect(message).toMatch(new RegExp(`^${Object.keys(variables)[0]} is [^\\n]+\\n$`));
  expect(code).toBe(2);
});
