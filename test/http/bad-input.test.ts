/** What no client should send, to a live server: it answers with a problem, or hangs up, and serves the next request. */
import { connect } from 'node:net';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { type PipelineServer, post, startPipelineServer } from '../golden/pipelines-server.ts';

let server: PipelineServer;
const logged: string[] = [];
beforeAll(async () => {
  server = await startPipelineServer('wordpiece');
  vi.spyOn(process.stderr, 'write').mockImplementation(line => logged.push(String(line)) > 0);
});
afterAll(async () => {
  vi.restoreAllMocks();
  await server.close();
});
afterEach(async () => {
  // Nothing of this is the server's fault, and it goes on.
  expect(logged.splice(0)).toEqual([]);
  expect((await post(server, '/v1/classification', good)).status).toBe(200);
});

const good = { model: 'classification', inputs: 'the parcel is late' };
const paths = ['/v1/classification', '/models/classification', '/models/classification/predict', '/predict'];

async function send(body: string | Uint8Array<ArrayBuffer>, path = '/v1/classification') {
  const headers = { authorization: `Bearer ${server.key}`, 'content-type': 'application/json' };
  const response = await fetch(`${server.url}${path}`, { method: 'POST', headers, body });
  return { status: response.status, body: (await response.json()) as { code?: string; outputs?: unknown } };
}

/** Bytes of a request as they are, and what comes back until the server or `done` ends it. */
function sendRaw(text: string, { hangUp = false } = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(Number(new URL(server.url).port), '127.0.0.1');
    let received = '';
    socket.on('data', bytes => {
      received += bytes;
    });
    socket.on('error', reject);
    socket.on('close', () => resolve(received));
    socket.write(text);
    if (hangUp) setTimeout(() => socket.destroy(), 50);
  });
}

const head = (length: number | string) =>
  `POST /v1/classification HTTP/1.1\r\nhost: a\r\nconnection: close\r\nauthorization: Bearer ${server.key}\r\ncontent-length: ${length}\r\n\r\n`;

test('a content-length that is too small cuts the JSON, and the rest is no request', async () => {
  const body = JSON.stringify(good);
  expect(await sendRaw(head(body.length - 5) + body)).toMatch(/^HTTP\/1\.1 400 /);
});

test('a content-length that is too large waits for what never comes, and costs nothing but a connection', async () => {
  const body = JSON.stringify(good);
  expect(await sendRaw(head(body.length + 5) + body, { hangUp: true })).toBe('');
});

test('a content-length over the limit is refused before the body comes', async () => {
  expect(await sendRaw(`${head(10_000_000_000)}x`)).toMatch(/^HTTP\/1\.1 413 /);
});

test('a content-length that is no number is refused', async () => {
  expect(await sendRaw(`${head('many')}x`)).toMatch(/^HTTP\/1\.1 400 /);
});

test.each(paths)('10 MB of nested JSON are too large for %s', async path => {
  expect((await send('['.repeat(10_000_000), path)).status).toBe(413);
});

test.each(paths)('deep nesting under the limit is refused by %s', async path => {
  for (const [open, close] of [
    ['[', ']'],
    ['{"a":', '}'],
  ] as const) {
    const depth = Math.floor(900_000 / (open.length + close.length));
    const nested = `${open.repeat(depth)}1${close.repeat(depth)}`;
    expect((await send(nested, path)).status).toBe(422);
    const { status, body } = await send(`{"model":"classification","inputs":${nested}}`, path);
    // Of several inputs, ours refuses each by itself.
    if (path.startsWith('/v1') && open === '[') expect(body.outputs).toMatchObject([{ status: 422 }]);
    else expect(status).toBe(422);
    const parameters = `{"model":"classification","inputs":"a","parameters":{"top_k":${nested}}}`;
    if (!path.endsWith('predict')) expect((await send(parameters, path)).status).toBe(422);
  }
  expect((await send('['.repeat(900_000), path)).status).toBe(400);
});

test.each(paths)('bytes that are not UTF-8 are refused by %s', async path => {
  for (const bytes of [
    [0xff],
    [0xc3, 0x28],
    [0xed, 0xa0, 0x80],
    [0xf8, 0x88, 0x80, 0x80, 0x80],
    [0xe2, 0x82],
  ]) {
    const [before, after] = JSON.stringify({ ...good, inputs: 'SPLIT' }).split('SPLIT');
    const body = Buffer.concat([Buffer.from(before!), Buffer.from(bytes), Buffer.from(after!)]);
    expect(await send(new Uint8Array(body), path)).toMatchObject({
      status: 400,
      body: { code: 'invalid_json' },
    });
  }
});

test('NUL bytes are refused in JSON and in names, and are nothing to read in a text', async () => {
  const raw = JSON.stringify(good).replace('parcel', 'par\u0000cel');
  expect((await send(raw)).body).toMatchObject({ code: 'invalid_json' });
  const named = { ...good, model: 'classification\u0000' };
  expect((await post(server, '/v1/classification', named)).status).toBe(422);
  expect((await post(server, '/models/classification%00', { inputs: 'a' })).status).toBe(422);
  const answered = async (inputs: string) =>
    (await post(server, '/v1/classification', { ...good, inputs })).body as { outputs: unknown };
  expect((await answered('the par\u0000cel is late\u0000')).outputs).toEqual(
    (await answered(good.inputs)).outputs,
  );
});

test('lone surrogates and other odd characters are read as some token or none', async () => {
  for (const inputs of [
    '\ud800',
    'a\udc00b',
    '\u{10ffff}',
    '\ufeff',
    '\u202eabc',
    ' ',
    '',
    '\n'.repeat(1000),
  ]) {
    for (const task of ['classification', 'sequence-labeling']) {
      const strategy = { parameters: { aggregation_strategy: 'none', ignore_labels: [] } };
      const { status, body } = await post(server, `/models/${task}`, { inputs, ...strategy });
      expect(status, JSON.stringify(inputs)).toBe(200);
      expect(body).toBeInstanceOf(Array);
    }
    const question = { question: inputs, context: inputs };
    expect((await post(server, '/models/question-answering', { inputs: question })).status).toBe(200);
  }
});
