/** /v1/batches from the first request to the last line of the results. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openAdapters } from '../../functions/adapters.ts';
import { deleteAdapter } from '../../functions/artifacts/deletion.ts';
import { revokeKey } from '../../functions/artifacts/keys.ts';
import { processBatches } from '../../functions/batches/process.ts';
import { batchWork } from '../../functions/http/batch-work.ts';
import { keyFor, publish, type Serving, serving } from './tenants.ts';

let world: Serving;
let woken: number;
beforeEach(async () => {
  woken = 0;
  world = await serving({ batches: { limits: { partLines: 2, maxLines: 20 }, wake: () => woken++ } });
});
afterEach(() => world.remove());

const jsonl = (...lines: unknown[]) => lines.map(line => `${JSON.stringify(line)}\n`).join('');
const texts = jsonl({ id: 'a', inputs: 'one' }, { id: 'b', inputs: 'one two' }, { inputs: 'one two three' });

interface Asked {
  key?: string;
  query?: string;
  headers?: Record<string, string>;
}

const send = (
  body: string | ReadableStream<Uint8Array>,
  { key = world.key, query = 'model=support', headers = {} }: Asked = {},
) =>
  world.app.request(`/v1/batches?${query}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, ...headers },
    body,
    ...(body instanceof ReadableStream ? { duplex: 'half' } : {}),
  });
const ask = (path: string, { key = world.key, method = 'GET' } = {}) =>
  world.app.request(`/v1/batches${path}`, { method, headers: { authorization: `Bearer ${key}` } });
const work = () => processBatches(batchWork(world.services), { signal: new AbortController().signal });
// biome-ignore lint/suspicious/noExplicitAny: JSON, looked into at places that a test then checks
const bodyOf = async (response: Response | Promise<Response>): Promise<any> => (await response).json();

async function linesOf(id: string): Promise<Record<string, unknown>[]> {
  const response = await ask(`/${id}/results`);
  expect(response.status).toBe(200);
  expect(response.headers.get('content-type')).toBe('application/jsonl');
  return (await response.text())
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
}

describe('a batch', () => {
  it('is accepted, answered as requests are, and read as JSONL', async () => {
    const response = await send(texts);
    expect(response.status).toBe(202);
    const accepted = await bodyOf(response);
    expect(accepted).toMatchObject({
      id: expect.stringMatching(/^batch-[0-9a-f]{32}$/),
      state: 'waiting',
      model: { name: 'support', digest: world.digests.support },
      task: 'classification',
      counts: { lines: 3, succeeded: 0, failed: 0 },
      results: null,
    });
    expect(woken).toBe(1);
    await work();
    const ended = await bodyOf(ask(`/${accepted.id}`));
    expect(ended).toMatchObject({
      state: 'completed',
      counts: { lines: 3, succeeded: 3, failed: 0 },
      usage: { tokens: 12, windows: 3 },
      results: { url: `/v1/batches/${accepted.id}/results`, parts: [] },
    });
    expect(Date.parse(ended.expires_at) - Date.parse(ended.ended_at)).toBe(30 * 24 * 3_600_000);
    const lines = await linesOf(accepted.id);
    expect(lines.map(({ index, id, status }) => [index, id, status])).toEqual([
      [0, 'a', 200],
      [1, 'b', 200],
      [2, null, 200],
    ]);
    const asked = await world.app.request('/v1/classification', {
      method: 'POST',
      headers: { authorization: `Bearer ${world.key}` },
      body: JSON.stringify({ model: 'support', inputs: ['one', 'one two', 'one two three'] }),
    });
    expect(lines.map(({ output }) => output)).toEqual((await bodyOf(asked)).outputs);
  });

  it('is counted as the use of its adapter, a line a request', async () => {
    const counted: unknown[] = [];
    const count = async (...of: unknown[]) => void counted.push(of);
    await send(`${texts}no json\n`);
    const work = batchWork({ ...world.services, usage: { ...world.services.usage, count } });
    await processBatches(work, { signal: new AbortController().signal });
    const of = { tenant: 'acme', adapter: 'support' };
    expect(counted).toEqual([
      [of, { requests: 2, tokens: 7, windows: 2 }],
      [of, { requests: 1, tokens: 5, windows: 1 }],
    ]);
  });

  it('of each task takes what the task takes, with parameters of its own a line', async () => {
    const entities = await bodyOf(
      send(
        jsonl(
          { inputs: { text: '😀 Marseille' } },
          { inputs: '😀 Marseille', parameters: { offset_encoding: 'utf16' } },
        ),
        { query: 'model=entities&task=sequence-labeling' },
      ),
    );
    const question = { question: 'who?', context: 'it was Charlotte' };
    const answers = await bodyOf(send(jsonl({ inputs: question }), { query: 'model=answers@live' }));
    await work();
    const starts = (await linesOf(entities.id)).map(line => line.output as { entities: { start: number }[] });
    expect(starts.map(output => output.entities[0]?.start)).toEqual([2, 3]);
    expect((await linesOf(answers.id))[0]).toMatchObject({ output: { answers: [{ answer: 'Charlotte' }] } });
  });

  it('has the errors of single lines in their places', async () => {
    const { id } = await bodyOf(
      send(
        [
          '{"inputs": "one"}',
          'no json',
          '{"inputs": "one\0"}',
          '{"inputs": {"text": 5}}',
          `{"inputs": ${JSON.stringify('x'.repeat(401))}}`,
          '{"inputs": "one", "parameters": {"top_k": 0}}',
          '{"inputs": "one", "parameters": {"threshold": 0.5}}',
          '{"inputs": "\\u0000 one", "parameters": {"top_k": 1}}',
        ].join('\n'),
      ),
    );
    await work();
    const lines = await linesOf(id);
    expect(lines.map(({ status }) => status)).toEqual([200, 400, 400, 422, 422, 422, 422, 200]);
    expect(lines[4]).toMatchObject({
      error: { code: 'invalid_request', errors: [{ path: expect.stringContaining('inputs') }] },
    });
    expect(lines[5]).toMatchObject({ error: { errors: [{ path: 'parameters.top_k' }] } });
    // Only what the adapter says is found out when it is asked.
    expect(lines[6]).toMatchObject({ error: { message: expect.stringContaining('multi-label') } });
    expect(await bodyOf(ask(`/${id}`))).toMatchObject({ counts: { lines: 8, succeeded: 2, failed: 6 } });
  });

  it('is larger than a request may be, and is not read whole', async () => {
    const line = jsonl({ inputs: 'word '.repeat(60) });
    expect(line.length * 20).toBeGreaterThan(world.services.limits.maxBodyBytes);
    let sent = 0;
    const stream = new ReadableStream<Uint8Array>({
      pull(controller) {
        if (sent++ === 20) controller.close();
        else controller.enqueue(Buffer.from(line));
      },
    });
    const { id } = await bodyOf(send(stream));
    await work();
    expect(await linesOf(id)).toHaveLength(20);
  });

  it('is answered by the version that its alias meant when it came', async () => {
    const { id } = await bodyOf(send(texts));
    await publish(world.store, {
      tenant: 'acme',
      name: 'support',
      task: 'classification',
      labels: ['new', 'other'],
    });
    await work();
    expect(JSON.stringify(await linesOf(id))).not.toContain('"new"');
  });

  it('goes on where its key is revoked, and is found by another key of the tenant', async () => {
    const key = await keyFor(world.store, 'acme');
    const { id } = await bodyOf(send(texts, { key }));
    await revokeKey(world.store, { tenant: 'acme', idOrKey: key });
    await work();
    expect((await linesOf(id)).map(({ status }) => status)).toEqual([200, 200, 200]);
  });

  it('has an error for each line that is left where its adapter is deleted', async () => {
    const { id } = await bodyOf(send(texts));
    await deleteAdapter(world.store, 'acme', 'support');
    // Another process, that has not loaded it before.
    const { store, base, now } = world.services;
    const adapters = openAdapters({
      store,
      base: async () => (await base()).manifest,
      budgetBytes: 1 << 20,
      aliasTtlMs: 1000,
      now: () => now().getTime(),
    });
    const work = batchWork({ ...world.services, adapters });
    await processBatches(work, { signal: new AbortController().signal });
    expect(
      (await linesOf(id)).map(({ status, error }) => [status, (error as { code: string }).code]),
    ).toEqual(Array(3).fill([404, 'not_found']));
  });

  it('is cancelled by DELETE, twice as well as once, and what is done can be read', async () => {
    const { id } = await bodyOf(send(texts));
    const until = batchWork(world.services);
    await processBatches(until, { signal: new AbortController().signal, untilMs: world.clock.now.getTime() });
    for (const _time of [1, 2]) {
      const response = await ask(`/${id}`, { method: 'DELETE' });
      expect(response.status).toBe(200);
      expect(await bodyOf(response)).toMatchObject({ id, state: 'cancelled' });
    }
    await work();
    expect(await (await ask(`/${id}/results`)).text()).toBe('');
  });
});

describe('the same request sent again', () => {
  const headers = { 'idempotency-key': 'nightly-2026-03-01' };

  it('with its Idempotency-Key is the same batch, also when that is over', async () => {
    const first = await send(texts, { headers });
    expect(first.status).toBe(202);
    const { id } = await bodyOf(first);
    await work();
    const again = await send(texts, { headers });
    expect(again.status).toBe(200);
    expect(await bodyOf(again)).toMatchObject({ id, state: 'completed' });
    expect((await bodyOf(ask(''))).batches).toHaveLength(1);
  });

  it('is a problem where anything else is asked with that key', async () => {
    await send(texts, { headers });
    for (const response of [
      await send(`${texts} `, { headers }),
      await send(texts, { headers, query: 'model=support@live' }),
    ]) {
      expect(response.status).toBe(422);
      expect(await bodyOf(response)).toMatchObject({ detail: expect.stringContaining('Idempotency-Key') });
    }
  });
});

describe('what is refused', () => {
  it.each([
    ['an adapter that is not there', 'model=nothing', texts, 404],
    ["another tenant's adapter", 'model=other', texts, 404],
    ['another task than the adapter serves', 'model=support&task=question-answering', texts, 409],
    ['a task that is none', 'model=support&task=poetry', texts, 422],
    ['no model', '', texts, 422],
    ['what is no reference', 'model=../support', texts, 422],
    ['an empty body', 'model=support', '', 422],
    ['too many lines', 'model=support', jsonl({ inputs: 'x' }).repeat(21), 413],
  ])('%s', async (_what, query, body, status) => {
    const response = await send(body, { query });
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect((await bodyOf(ask(''))).batches).toEqual([]);
    expect(woken).toBe(0);
  });

  it('an Idempotency-Key that is none', async () => {
    expect((await send(texts, { headers: { 'idempotency-key': 'x'.repeat(256) } })).status).toBe(422);
  });

  it('a request without a key, on each route', async () => {
    const { id } = await bodyOf(send(texts));
    const without = { key: 'none' };
    const responses = [
      await send(texts, without),
      await ask('', without),
      await ask(`/${id}`, without),
      await ask(`/${id}/results`, without),
      await ask(`/${id}`, { ...without, method: 'DELETE' }),
    ];
    expect(responses.map(({ status }) => status)).toEqual([401, 401, 401, 401, 401]);
  });

  it("another tenant's batch, as one that never was", async () => {
    const { id } = await bodyOf(send(texts));
    for (const [path, method] of [
      [`/${id}`, 'GET'],
      [`/${id}`, 'DELETE'],
      [`/${id}/results`, 'GET'],
    ] as const) {
      const other = await ask(path, { key: world.otherKey, method });
      expect(other.status).toBe(404);
      const unknown = await ask(path.replace(id, `batch-${'0'.repeat(32)}`), { method });
      expect(unknown.status).toBe(404);
      expect((await bodyOf(other)).detail).toBe((await bodyOf(unknown)).detail);
    }
    expect((await bodyOf(ask('', { key: world.otherKey }))).batches).toEqual([]);
    expect(await bodyOf(ask(`/${id}`))).toMatchObject({ state: 'waiting' });
  });

  it('an id that is none', async () => {
    expect((await ask('/..%2f..%2fkeys')).status).toBe(422);
    expect((await ask('/batch-1')).status).toBe(422);
  });

  it('results of a batch that is not over', async () => {
    const { id } = await bodyOf(send(texts));
    const response = await ask(`/${id}/results`);
    expect(response.status).toBe(409);
    expect((await bodyOf(response)).detail).toContain('0 of 2 parts');
  });
});

describe('the list', () => {
  it('has the newest first, as many as are asked for', async () => {
    const ids: string[] = [];
    for (let i = 0; i < 3; i++) {
      world.clock.now = new Date(Date.UTC(2026, 2, 1 + i));
      ids.unshift((await bodyOf(send(texts))).id);
    }
    const listed = async (query: string) =>
      (await bodyOf(ask(query))).batches.map((batch: { id: string }) => batch.id);
    expect(await listed('')).toEqual(ids);
    expect(await listed('?limit=2')).toEqual(ids.slice(0, 2));
    expect((await ask('?limit=0')).status).toBe(422);
  });
});

describe('a store that makes URLs', () => {
  it('gives one for each part of the results, of a batch that is over', async () => {
    const presign = async (key: string, seconds: number) => `https://store.example/${key}?seconds=${seconds}`;
    const signing = await serving({ store: { ...world.store, presign } });
    const { id } = await bodyOf(send(texts));
    await work();
    const get = (path: string) =>
      signing.app.request(`/v1/batches${path}`, { headers: { authorization: `Bearer ${world.key}` } });
    const { results } = await bodyOf(get(`/${id}`));
    expect(results.parts).toHaveLength(2);
    const text = await Promise.all(
      results.parts.map(async (url: string) => {
        const key = new URL(url).pathname.slice(1);
        return Buffer.from((await world.store.get(key))!.bytes).toString();
      }),
    );
    expect(text.join('')).toBe(await (await get(`/${id}/results`)).text());
    await signing.remove();
  });
});
