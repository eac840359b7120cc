/** What every store must do; each implementation runs these same cases. */
import { randomBytes } from 'node:crypto';
import { expect, it } from 'vitest';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';

const text = (value: string) => new TextEncoder().encode(value);
const conflict = expect.objectContaining({ name: 'VeneerError', code: 'conflict' });

export async function listed(store: Store, prefix: string): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.list(prefix)) keys.push(key);
  return keys;
}

/** `open` gives a store with nothing in it. */
export function storeCases(open: () => Promise<Store>): void {
  it('has nothing under a key that was never written', async () => {
    const store = await open();
    expect(await store.get('a/b.json')).toBeUndefined();
    expect(await listed(store, '')).toEqual([]);
  });

  it('reads back every byte it wrote, with the etag that the write returned', async () => {
    const store = await open();
    const bytes = Uint8Array.from({ length: 1024 }, (_, i) => i % 256);
    const etag = await store.put('bytes', bytes);
    const found = await store.get('bytes');
    expect(found && Buffer.from(found.bytes).equals(bytes)).toBe(true);
    expect(found?.etag).toBe(etag);
    expect(etag).not.toBe('');
  });

  it('keeps an empty object', async () => {
    const store = await open();
    await store.put('empty', new Uint8Array());
    expect((await store.get('empty'))?.bytes).toHaveLength(0);
    expect(await listed(store, '')).toEqual(['empty']);
  });

  it('writes a view into a larger buffer and nothing around it', async () => {
    const store = await open();
    await store.put('view', new Uint8Array([9, 1, 2, 3, 9]).subarray(1, 4));
    expect([...(await store.get('view'))!.bytes]).toEqual([1, 2, 3]);
  });

  it('keeps 20 MB whole', async () => {
    const store = await open();
    const bytes = randomBytes(20 * 1024 * 1024);
    await store.put('big', bytes);
    const found = await store.get('big');
    expect(found && Buffer.from(found.bytes).equals(bytes)).toBe(true);
  });

  it('replaces without a condition, and gives other bytes another etag', async () => {
    const store = await open();
    const first = await store.put('k', text('first'));
    const second = await store.put('k', text('second'));
    expect(second).not.toBe(first);
    expect(await store.get('k')).toMatchObject({ etag: second });
  });

  it('reads again only what has changed since its etag', async () => {
    const store = await open();
    const first = await store.put('k', text('first'));
    expect(await store.getIfChanged('k', first)).toBe('unchanged');
    const second = await store.put('k', text('second'));
    const found = await store.getIfChanged('k', first);
    expect(found).toEqual({ bytes: expect.anything(), etag: second });
    expect(Buffer.from((found as { bytes: Uint8Array }).bytes).toString()).toBe('second');
    expect(await store.getIfChanged('k', second)).toBe('unchanged');
    expect(await store.getIfChanged('k', (await store.get('k'))!.etag)).toBe('unchanged');
    await store.delete('k');
    expect(await store.getIfChanged('k', second)).toBeUndefined();
    expect(await store.getIfChanged('never/was', second)).toBeUndefined();
  });

  it('deletes, and deletes nothing again without complaint', async () => {
    const store = await open();
    await store.put('a/b', text('1'));
    await store.delete('a/b');
    await store.delete('a/b');
    await store.delete('never/was');
    expect(await store.get('a/b')).toBeUndefined();
    expect(await listed(store, '')).toEqual([]);
  });

  it('writes under `absent` only where nothing is', async () => {
    const store = await open();
    await store.put('k', text('first'), { absent: true });
    await expect(store.put('k', text('second'), { absent: true })).rejects.toEqual(conflict);
    await expect(store.put('k', text('first'), { absent: true })).rejects.toEqual(conflict);
    expect(Buffer.from((await store.get('k'))!.bytes).toString()).toBe('first');
    await store.delete('k');
    await store.put('k', text('third'), { absent: true });
    expect(Buffer.from((await store.get('k'))!.bytes).toString()).toBe('third');
  });

  it('writes under an etag only where the object still has it', async () => {
    const store = await open();
    const first = await store.put('k', text('1'));
    const second = await store.put('k', text('2'), { etag: first });
    await expect(store.put('k', text('3'), { etag: first })).rejects.toEqual(conflict);
    expect(await store.get('k')).toMatchObject({ etag: second });
    await store.delete('k');
    await expect(store.put('k', text('4'), { etag: second })).rejects.toEqual(conflict);
    expect(await store.get('k')).toBeUndefined();
  });

  it('lets exactly one of 20 racing `absent` writers win', async () => {
    const store = await open();
    const winners = await race(i => store.put('k', text(`writer ${i}`), { absent: true }));
    expect(winners).toHaveLength(1);
    expect(Buffer.from((await store.get('k'))!.bytes).toString()).toBe(`writer ${winners[0]}`);
  });

  it('lets exactly one of 20 racing writers with the same etag win', async () => {
    const store = await open();
    const etag = await store.put('k', text('start'));
    const winners = await race(i => store.put('k', text(`writer ${i}`), { etag }));
    expect(winners).toHaveLength(1);
    expect(Buffer.from((await store.get('k'))!.bytes).toString()).toBe(`writer ${winners[0]}`);
  });

  it('lists in the order of bytes, where a slash sorts between "." and "0"', async () => {
    const store = await open();
    const keys = ['a0', 'a-b', 'a.b', 'a_b', 'ab/c/d', 'ab/c.d', 'b', 'a/10', 'a/9', 'a/b-c/d', 'a/b.c'];
    for (const key of keys) await store.put(key, text(key));
    const expected = keys.map(key => Buffer.from(key)).sort(Buffer.compare);
    expect(await listed(store, '')).toEqual(expected.map(String));
  });

  it('lists what begins with a prefix, cut at a slash or anywhere', async () => {
    const store = await open();
    for (const key of ['t/acme/a/1', 't/acme/b', 't/acme-inc/a', 't/ac', 'u/acme'])
      await store.put(key, text(key));
    expect(await listed(store, 't/acme/')).toEqual(['t/acme/a/1', 't/acme/b']);
    expect(await listed(store, 't/ac')).toEqual(['t/ac', 't/acme-inc/a', 't/acme/a/1', 't/acme/b']);
    expect(await listed(store, 't/acme/b')).toEqual(['t/acme/b']);
    expect(await listed(store, 't/acme/b/')).toEqual([]);
    expect(await listed(store, 'nothing/here')).toEqual([]);
  });

  it('lists past one page of 1000', async () => {
    const store = await open();
    const keys = Array.from({ length: 1005 }, (_, i) => `many/${String(i).padStart(5, '0')}`);
    for (let i = 0; i < keys.length; i += 50)
      await Promise.all(keys.slice(i, i + 50).map(key => store.put(key, text(key))));
    expect(await listed(store, 'many/')).toEqual(keys);
  });

  it('shows a write to everyone at once', async () => {
    const store = await open();
    for (let i = 0; i < 20; i++) {
      await store.put(`round/${i}`, text(`${i}`));
      expect(Buffer.from((await store.get(`round/${i}`))!.bytes).toString()).toBe(`${i}`);
      expect(await listed(store, 'round/')).toHaveLength(i + 1);
    }
  });

  // biome-ignore format: a table
  const badKeys = [
    '', '/', '/etc/passwd', '..', '../outside', 'a/../../b', 'a/..', './a', 'a//b', 'a/', 'a\\b', 'a\0b', 'A/b', 'a b',
    'a/.hidden', '.tmp-1', 'é', 'e\u0301', 'a/日本', 'c:a', 'a\nb', '%2e%2e/a', 'x'.repeat(201), `${'a/'.repeat(400)}aa`,
  ];
  for (const key of badKeys)
    it(`refuses the key ${JSON.stringify(key.slice(0, 20))}`, async () => {
      const store = await open();
      const refusal = { name: 'VeneerError', code: 'invalid_request' };
      await expect(store.get(key)).rejects.toMatchObject(refusal);
      await expect(store.getIfChanged(key, 'e')).rejects.toMatchObject(refusal);
      await expect(store.put(key, text('x'))).rejects.toMatchObject(refusal);
      await expect(store.delete(key)).rejects.toMatchObject(refusal);
      expect(await listed(store, '')).toEqual([]);
    });

  for (const prefix of ['..', '../', '/', 'a/../', 'a//', '.'])
    it(`refuses to list ${JSON.stringify(prefix)}`, async () => {
      const store = await open();
      await expect(listed(store, prefix)).rejects.toBeInstanceOf(VeneerError);
    });
}

/** The numbers of the writers that won; every other must have lost by `conflict`. */
async function race(write: (writer: number) => Promise<string>): Promise<number[]> {
  const outcomes = await Promise.allSettled(Array.from({ length: 20 }, (_, i) => write(i)));
  for (const outcome of outcomes) if (outcome.status === 'rejected') expect(outcome.reason).toEqual(conflict);
  return outcomes.flatMap((outcome, i) => (outcome.status === 'fulfilled' ? [i] : []));
}
