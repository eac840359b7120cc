/** Adapters in memory over a directory store that a test can hold, break and count. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Adapters, type AdaptersOptions, openAdapters } from '../../functions/adapters.ts';
import { publishVersion, setAlias } from '../../functions/artifacts/versions.ts';
import { VeneerError } from '../../functions/error.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';
import { baseManifest } from '../http/fake-base.ts';
import { publish, versionOf } from '../http/tenants.ts';

const tenant = 'acme';
const aliasTtlMs = 5_000;
const task = 'classification';
const labelsOf = (count: number) => Array.from({ length: count }, (_, i) => `label-${i}`);

let folder: string;
let store: Store;
let clock: number;
/** Keys that were read, in order. */
let reads: string[];
/** Keys that were asked for and had not changed. */
let unchanged: string[];
/** Reads reject with it while it is set. */
let broken: Error | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-adapters-'));
  store = openDirectoryStore(folder);
  [clock, reads, unchanged, broken] = [1_000_000, [], [], undefined];
});
afterEach(() => rm(folder, { recursive: true }));

function open(options: Partial<AdaptersOptions> = {}): Adapters {
  const watched: Store = {
    ...store,
    url: store.url,
    async get(key) {
      reads.push(key);
      if (broken) throw broken;
      return store.get(key);
    },
    async getIfChanged(key, etag) {
      reads.push(key);
      if (broken) throw broken;
      const found = await store.getIfChanged(key, etag);
      if (found === 'unchanged') unchanged.push(key);
      return found;
    },
  };
  return openAdapters({
    store: watched,
    base: async () => baseManifest,
    budgetBytes: 1 << 20,
    aliasTtlMs,
    now: () => clock,
    ...options,
  });
}

const add = (name: string, labels = 2, owner = tenant) =>
  publish(store, { tenant: owner, name, task, labels: labelsOf(labels) });
const readsOf = (part: string) => reads.filter(key => key.includes(part)).length;
const unavailable = () => new VeneerError('unavailable', 'the store does not answer');

describe('loading', () => {
  it('happens once for a thousand who wait, and not again for those who come later', async () => {
    const digest = await add('support');
    const adapters = open();
    const loaded = await Promise.all(Array.from({ length: 1000 }, () => adapters.get(tenant, 'support')));
    expect(new Set(loaded).size).toBe(1);
    expect(loaded[0]!.digest).toBe(digest);
    expect([readsOf('aliases/'), readsOf('manifest.json'), readsOf('.safetensors')]).toEqual([1, 1, 1]);
    expect(await adapters.get(tenant, 'support')).toBe(loaded[0]);
    expect(adapters.stats()).toMatchObject({ hits: 1, misses: 1000, loads: 1, failures: 0, resident: 1 });
    expect(reads.length).toBe(3);
  });

  it('gives one adapter for a name, its alias and its digest', async () => {
    const digest = await add('support');
    const adapters = open();
    const byName = await adapters.get(tenant, 'support');
    expect(await adapters.get(tenant, 'support@live')).toBe(byName);
    expect(await adapters.get(tenant, `support@sha256:${digest}`)).toBe(byName);
  });

  it("does not open another tenant's adapter by its digest, loaded or not", async () => {
    const digest = await add('support', 2, 'other');
    const adapters = open();
    const theirs = `support@sha256:${digest}`;
    await expect(adapters.get(tenant, theirs)).rejects.toMatchObject({ code: 'not_found' });
    await adapters.get('other', theirs);
    clock += 10_000;
    await expect(adapters.get(tenant, theirs)).rejects.toMatchObject({ code: 'not_found' });
  });

  it('refuses an adapter of another base or another tokenizer', async () => {
    await add('support');
    const other = 'd'.repeat(64);
    const source = { ...baseManifest.tokenizer.source, sha256: other };
    for (const base of [
      { ...baseManifest, digest: other },
      { ...baseManifest, tokenizer: { ...baseManifest.tokenizer, source } },
    ])
      await expect(open({ base: async () => base }).get(tenant, 'support')).rejects.toMatchObject({
        code: 'digest_mismatch',
      });
  });

  it('of what is no reference is refused without a look at the store', async () => {
    await expect(open().get(tenant, '../other')).rejects.toMatchObject({ code: 'invalid_request' });
    expect(reads).toEqual([]);
  });
});

describe('a failure', () => {
  it.each([
    ['an unknown adapter', 'nothing', 'not_found', 1],
    ['an unknown version', `support@sha256:${'1'.repeat(64)}`, 'not_found', 1],
  ])('%s is looked up once in a second, however many ask', async (_what, reference, code, lookUps) => {
    await add('support');
    const adapters = open();
    const ask = () => expect(adapters.get(tenant, reference)).rejects.toMatchObject({ code });
    for (let i = 0; i < 5; i++) await Promise.all([ask(), ask(), ask()]);
    expect(reads.length).toBe(lookUps);
    clock += 999;
    await ask();
    expect(reads.length).toBe(lookUps);
    clock += 1;
    await ask();
    expect(reads.length).toBe(2 * lookUps);
  });

  it('a wrong base is believed for a second, the right one loads after it', async () => {
    await add('support');
    let base = { ...baseManifest, digest: 'd'.repeat(64) };
    const adapters = open({ base: async () => base });
    const ask = () =>
      expect(adapters.get(tenant, 'support')).rejects.toMatchObject({ code: 'digest_mismatch' });
    await ask();
    await ask();
    expect(readsOf('.safetensors')).toBe(1);
    expect(adapters.stats()).toMatchObject({ failures: 1, loads: 0, resident: 0, residentBytes: 0 });
    base = { ...baseManifest };
    clock += 1_000;
    await adapters.get(tenant, 'support');
  });

  it('an adapter that is pushed after it was asked for is found a second later', async () => {
    const adapters = open();
    await expect(adapters.get(tenant, 'late')).rejects.toMatchObject({ code: 'not_found' });
    const digest = await add('late');
    clock += 1_000;
    expect((await adapters.get(tenant, 'late')).digest).toBe(digest);
  });

  it.each([
    ['of the store', unavailable()],
    ['that nobody foresaw', new Error('bug')],
  ])('%s is forgotten at once', async (_what, error) => {
    await add('support');
    const adapters = open();
    broken = error;
    await expect(Promise.all([1, 2].map(() => adapters.get(tenant, 'support')))).rejects.toBe(error);
    broken = undefined;
    await adapters.get(tenant, 'support');
  });

  it('while the base opens is forgotten at once', async () => {
    await add('support');
    let opens = false;
    const base = async () => {
      if (!opens) throw unavailable();
      return baseManifest;
    };
    const adapters = open({ base });
    await expect(adapters.get(tenant, 'support')).rejects.toMatchObject({ code: 'unavailable' });
    opens = true;
    await adapters.get(tenant, 'support');
    expect(adapters.stats()).toMatchObject({ loads: 1, failures: 1 });
  });
});

describe('eviction', () => {
  it('keeps the bytes under the budget, the least recently used out first', async () => {
    for (const name of ['a', 'b', 'c']) await add(name);
    const { bytes } = await open().get(tenant, 'a');
    const adapters = open({ budgetBytes: 2.5 * bytes });
    const [a] = [await adapters.get(tenant, 'a'), await adapters.get(tenant, 'b')];
    await adapters.get(tenant, 'a');
    await adapters.get(tenant, 'c');
    expect(adapters.stats()).toMatchObject({ evictions: 1, resident: 2, residentBytes: 2 * bytes });
    expect(await adapters.get(tenant, 'a')).toBe(a);
    const { loads } = adapters.stats();
    await adapters.get(tenant, 'b');
    expect(adapters.stats().loads).toBe(loads + 1);
  });

  it('counts bytes, not adapters: a large one takes the place of several', async () => {
    for (const name of ['a', 'b', 'c']) await add(name);
    await add('large', 300);
    const [small, large] = await Promise.all(['a', 'large'].map(name => open().get(tenant, name)));
    const adapters = open({ budgetBytes: large!.bytes + small!.bytes });
    for (const name of ['a', 'b', 'c', 'large']) await adapters.get(tenant, name);
    expect(adapters.stats()).toMatchObject({
      evictions: 2,
      resident: 2,
      residentBytes: large!.bytes + small!.bytes,
    });
  });

  it('serves an adapter that is larger than the budget alone', async () => {
    for (const name of ['a', 'b']) await add(name);
    const adapters = open({ budgetBytes: 1 });
    for (const name of ['a', 'b', 'a']) await adapters.get(tenant, name);
    expect(adapters.stats()).toMatchObject({ loads: 3, evictions: 2, resident: 1 });
  });

  it('leaves an adapter whole for whoever still holds it', async () => {
    for (const name of ['a', 'b']) await add(name);
    const adapters = open({ budgetBytes: 1 });
    const held = await adapters.get(tenant, 'a');
    const before = structuredClone({ lora: held.lora, head: held.head });
    await adapters.get(tenant, 'b');
    expect({ lora: held.lora, head: held.head }).toEqual(before);
  });
});

describe('an alias', () => {
  /** Two versions, `live` on the first; returns the digests. */
  async function twoVersions() {
    const first = await add('support', 2);
    const { digest: second } = await publishVersion(store, {
      tenant,
      name: 'support',
      ...versionOf({ task, labels: labelsOf(3) }),
    });
    return {
      first,
      second,
      move: () => setAlias(store, { tenant, name: 'support', alias: 'live', digest: second }),
    };
  }

  it('that moves is followed after its time, not before', async () => {
    const { first, second, move } = await twoVersions();
    const adapters = open();
    const digest = async () => (await adapters.get(tenant, 'support')).digest;
    expect(await digest()).toBe(first);
    await move();
    clock += aliasTtlMs - 1;
    expect(await digest()).toBe(first);
    clock += 1;
    expect(await digest()).toBe(second);
  });

  it('is asked for once by all who come when its time is over', async () => {
    await add('support');
    const adapters = open();
    await adapters.get(tenant, 'support');
    clock += aliasTtlMs;
    await Promise.all(Array.from({ length: 50 }, () => adapters.get(tenant, 'support')));
    expect(readsOf('aliases/')).toBe(2);
  });

  it('is fetched again only where it has changed', async () => {
    const { first, second, move } = await twoVersions();
    const adapters = open();
    const digest = async () => (await adapters.get(tenant, 'support')).digest;
    await digest();
    for (let i = 0; i < 3; i++) {
      clock += aliasTtlMs;
      expect(await digest()).toBe(first);
    }
    const key = `tenants/${tenant}/adapters/support/aliases/live.json`;
    expect(unchanged).toEqual([key, key, key]);
    await move();
    clock += aliasTtlMs;
    expect(await digest()).toBe(second);
    expect(unchanged).toHaveLength(3);
    clock += aliasTtlMs;
    expect(await digest()).toBe(second);
    expect(unchanged).toHaveLength(4);
  });

  it('is believed while the store cannot be reached, is asked for once a second, and followed when it can be', async () => {
    const { first, second, move } = await twoVersions();
    const adapters = open();
    const digest = async () => (await adapters.get(tenant, 'support')).digest;
    await digest();
    await move();
    clock += aliasTtlMs;
    broken = unavailable();
    for (let i = 0; i < 10; i++) expect(await digest()).toBe(first);
    expect(readsOf('aliases/')).toBe(2);
    broken = undefined;
    clock += 1_000;
    expect(await digest()).toBe(second);
  });

  it('is not believed for ever', async () => {
    await add('support');
    const adapters = open();
    await adapters.get(tenant, 'support');
    broken = unavailable();
    clock += aliasTtlMs + 5 * 60_000 - 1;
    await adapters.get(tenant, 'support');
    clock += 1_000;
    await expect(adapters.get(tenant, 'support')).rejects.toBe(broken);
  });

  it('that is gone is not found, in spite of what it was', async () => {
    await add('support');
    const adapters = open();
    await adapters.get(tenant, 'support');
    await store.delete(`tenants/${tenant}/adapters/support/aliases/live.json`);
    clock += aliasTtlMs;
    for (let i = 0; i < 2; i++)
      await expect(adapters.get(tenant, 'support')).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('a prefetch', () => {
  it('has adapters in memory before the first request, and says which it could not load', async () => {
    const names = Array.from({ length: 20 }, (_, i) => `adapter-${i}`);
    for (const name of names) await add(name);
    const adapters = open();
    const wanted = [...names, 'nothing', 'Not a name'].map(reference => ({ tenant, reference }));
    const { loaded, failed } = await adapters.prefetch(wanted);
    expect(loaded).toHaveLength(20);
    expect(new Map(failed.map(({ reference, error }) => [reference, (error as VeneerError).code]))).toEqual(
      new Map([
        ['nothing', 'not_found'],
        ['Not a name', 'invalid_request'],
      ]),
    );
    reads.length = 0;
    for (const name of names) await adapters.get(tenant, name);
    expect(reads).toEqual([]);
    expect(adapters.stats()).toMatchObject({ hits: 20, loads: 20, resident: 20 });
  });

  it('of nothing does nothing', async () => {
    expect(await open().prefetch([])).toEqual({ loaded: [], failed: [] });
  });
});

it('counts the time that loads take', async () => {
  await add('support');
  const adapters = open({
    base: async () => {
      clock += 40;
      return baseManifest;
    },
  });
  await adapters.get(tenant, 'support');
  const { bytes } = await adapters.get(tenant, 'support');
  expect(adapters.stats()).toEqual({
    ...{ hits: 1, misses: 1, evictions: 0, loads: 1, failures: 0 },
    ...{ loadMsTotal: 40, resident: 1, residentBytes: bytes },
  });
});
