/** What becomes of the lines of a batch while they come, and of a batch that is sent twice. */
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { inputKey, linesOf } from '../../functions/batches/document.ts';
import { settle } from '../../functions/batches/ending.ts';
import type { Item } from '../../functions/batches/item.ts';
import { readLines } from '../../functions/batches/lines.ts';
import { asking, limits, model, openWorld, rules, streamOf, type World } from './world.ts';

let world: World;
beforeEach(async () => {
  world = await openWorld();
});
afterEach(() => world.remove());

const code = (code: string) => expect.objectContaining({ code });

async function itemsOf(body: string | Uint8Array): Promise<Item[]> {
  const batch = await world.accept('', { body: streamOf(body) });
  const items: Item[] = [];
  for (let part = 0; part < batch.parts.length; part++) {
    const text = Buffer.from((await world.store.get(inputKey(batch, part)))!.bytes).toString();
    const lines = text.trimEnd().split('\n');
    expect(lines).toHaveLength(batch.parts[part]!);
    items.push(...lines.map(line => JSON.parse(line) as Item));
  }
  return items;
}

const refusalOf = (item: Item | undefined) => (item && 'refused' in item ? item.refused : undefined);

describe('lines of a stream', () => {
  it('are the same however the stream is cut', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.stringMatching(/^[a-zé€😀 \0]{0,9}$/u), { minLength: 1, maxLength: 8 }),
        fc.constantFrom('\n', '\r\n'),
        fc.integer({ min: 1, max: 9 }),
        async (texts, end, size) => {
          const lines: (string | undefined)[] = [];
          for await (const line of readLines(streamOf(texts.map(text => text + end).join(''), size), 20))
            lines.push(line && Buffer.from(line).toString());
          expect(lines).toEqual(texts.map(text => (Buffer.byteLength(text) > 20 ? undefined : text)));
        },
      ),
    );
  });

  it('need no end at the last, and may be as long as is allowed but not longer', async () => {
    const lines: (string | undefined)[] = [];
    for await (const line of readLines(streamOf('12345\r\n123456\n12345\r\n\n1234', 3), 5))
      lines.push(line && Buffer.from(line).toString());
    expect(lines).toEqual(['12345', undefined, '12345', '', '1234']);
  });
});

describe('a batch that comes', () => {
  it('is stored in parts, and its document names the version that it asks', async () => {
    const batch = await world.accept(asking(7));
    expect(batch).toMatchObject({
      tenant: 'acme',
      model,
      task: 'classification',
      state: 'waiting',
      parts: [3, 3, 1],
    });
    expect(await world.read(batch)).toEqual(batch);
    expect(await world.keys('batches/')).toHaveLength(1);
  });

  it('cuts a part where it has bytes enough, too', async () => {
    const batch = await world.accept(asking(6), { limits: { ...limits, partLines: 100, partBytes: 100 } });
    expect(batch.parts.length).toBeGreaterThan(1);
    expect(linesOf(batch)).toBe(6);
  });

  it.each([
    ['is not JSON', '{"inputs": "x"', 'invalid_json'],
    ['holds a NUL byte', '{"inputs": "a\0b"}', 'invalid_json'],
    ['is no object', '["x"]', 'invalid_request'],
    ['is null', 'null', 'invalid_request'],
    ['has no inputs', '{"id": "a"}', 'invalid_request'],
    ['has several inputs', '{"inputs": ["a", "b"]}', 'invalid_request'],
    ['has a field that is unknown', '{"inputs": "a", "model": "other"}', 'invalid_request'],
    ['has an id that is a number', '{"inputs": "a", "id": 7}', 'invalid_request'],
    ['asks what the task cannot take', '{"inputs": {"text": 7}}', 'invalid_request'],
    ['is nested deep', `${'['.repeat(90)}${']'.repeat(90)}`, 'invalid_request'],
    ['is too long', `{"inputs": "${'x'.repeat(200)}"}`, 'payload_too_large'],
  ])('keeps in its place the error of a line that %s', async (_what, line, expected) => {
    const items = await itemsOf(`{"inputs": "before"}\n${line}\n{"inputs": "after"}`);
    expect(items).toHaveLength(3);
    expect(items[0]).toEqual({ id: null, inputs: 'before' });
    expect(refusalOf(items[1])?.error.code).toBe(expected);
    expect(items[2]).toEqual({ id: null, inputs: 'after' });
  });

  it('keeps in its place the error of a line that is not UTF-8', async () => {
    const items = await itemsOf(Buffer.from('{"inputs": "a\xff"}\n{"inputs": "b"}\n', 'latin1'));
    expect(refusalOf(items[0])).toMatchObject({ error: { code: 'invalid_json' }, status: 400 });
    expect(items[1]).toEqual({ id: null, inputs: 'b' });
  });

  it('keeps the id of a line that cannot be asked', async () => {
    const [item] = await itemsOf('{"id": "mine", "inputs": 5}');
    expect(item).toMatchObject({ id: 'mine', refused: { status: 422 } });
  });

  it('takes CRLF, a byte order mark, escapes and lines without text, which are passed over', async () => {
    const items = await itemsOf('\ufeff{"inputs": "a\\u0000\\ud800"}\r\n\r\n  \n{"inputs": "b"}\r\n');
    expect(items).toEqual([
      { id: null, inputs: 'a\0\ud800' },
      { id: null, inputs: 'b' },
    ]);
  });

  it('takes as many lines as are allowed', async () => {
    expect(linesOf(await world.accept(asking(50)))).toBe(50);
  });

  it.each([
    ['without lines', '', 'invalid_request'],
    ['of blank lines', '\n \n\r\n', 'invalid_request'],
    ['of too many lines', '{"inputs": "x"}\n'.repeat(51), 'payload_too_large'],
    ['of too many bytes', ' '.repeat(10_001), 'payload_too_large'],
  ])('is refused %s, and leaves nothing', async (_what, text, expected) => {
    await expect(world.accept(text)).rejects.toEqual(code(expected));
    expect(await world.keys()).toEqual([]);
  });

  it('leaves nothing where it breaks off', async () => {
    async function* breaking() {
      yield Buffer.from('{"inputs": "x"}\n'.repeat(9));
      throw new Error('gone');
    }
    await expect(world.accept('', { body: breaking() })).rejects.toThrow('gone');
    expect(await world.keys()).toEqual([]);
  });

  it('is refused where the tenant has too many open, and another tenant is not', async () => {
    for (const name of ['a', 'b', 'c']) await world.accept(asking(1, name));
    await expect(world.accept(asking(1))).rejects.toMatchObject({
      code: 'rate_limited',
      retryAfterSeconds: 60,
    });
    expect(await world.accept(asking(1), { tenant: 'bolt' })).toMatchObject({ tenant: 'bolt' });
  });
});

describe('an Idempotency-Key', () => {
  const keyed = { idempotencyKey: 'order-1' };

  it('gives the same batch for the same request, without asking for the adapter again', async () => {
    const batch = await world.accept(asking(4), keyed);
    const keys = await world.keys();
    const again = await world.accept(asking(4), {
      ...keyed,
      resolve: () => Promise.reject(new Error('not needed')),
    });
    expect(again).toEqual(batch);
    expect(await world.keys()).toEqual(keys);
  });

  it.each([
    ['lines', asking(5), {}],
    ['model', asking(4), { asked: { model: 'other', task: undefined } }],
    ['task', asking(4), { asked: { model: 'support', task: 'classification' } }],
  ])('is refused with another %s', async (_what, lines, changes) => {
    const batch = await world.accept(asking(4), keyed);
    await expect(world.accept(lines, { ...keyed, ...changes })).rejects.toMatchObject({
      code: 'invalid_request',
      message: expect.stringContaining(batch.id),
    });
  });

  it("is the tenant's own", async () => {
    const one = await world.accept(asking(4), keyed);
    const other = await world.accept(asking(4), { ...keyed, tenant: 'bolt' });
    expect(other.id).not.toBe(one.id);
    const without = await world.accept(asking(4));
    expect((await world.accept(asking(4))).id).not.toBe(without.id);
  });

  it('makes one batch of requests that come at once, and what the others sent is gone', async () => {
    const batches = await Promise.all([1, 2, 3].map(() => world.accept(asking(4), keyed)));
    expect(new Set(batches.map(({ upload }) => upload)).size).toBe(1);
    const { upload } = batches[0]!;
    const files = await world.keys('tenants/acme/batch-files/');
    expect(files).toHaveLength(2);
    expect(files.every(key => key.includes(upload))).toBe(true);
    expect(await world.keys('batches/open/')).toEqual([expect.stringContaining(upload)]);
  });
});

describe('a batch that was never whole', () => {
  it('is cleared away after an hour, and not before', async () => {
    const whole = await world.accept(asking(1));
    // As a process leaves it that dies while lines come.
    let reached = () => {};
    const inTheMiddle = new Promise<void>(resolve => {
      reached = resolve;
    });
    async function* stuck() {
      yield Buffer.from('{"inputs": "x"}\n'.repeat(9));
      reached();
      await new Promise(() => {});
    }
    void world.accept('', { body: stuck(), resolve: async () => ({ model, task: 'classification', rules }) });
    await inTheMiddle;
    const open = await world.open();
    expect(open).toHaveLength(2);
    const settled = () => Promise.all(open.map(marker => settle(world.work(), marker)));
    expect((await settled()).filter(Boolean)).toHaveLength(1);
    expect(await world.keys('tenants/acme/batch-files/')).toHaveLength(4);
    world.clock.now = new Date(world.clock.now.getTime() + 3_600_000);
    await settled();
    expect(await world.keys('tenants/acme/batch-files/')).toEqual([inputKey(whole, 0)]);
    expect(await world.open()).toHaveLength(1);
  });
});
