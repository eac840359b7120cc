/** Deleting an adapter at every point of interruption, and collecting its files beside pushes. */
import { describe, expect, test } from 'vitest';
import { collectOrphans, deleteAdapter } from '../../functions/artifacts/deletion.ts';
import { describeAdapter, listAdapters } from '../../functions/artifacts/listing.ts';
import { parseReference } from '../../functions/artifacts/names.ts';
import {
  loadVersion,
  publishVersion,
  resolveReference,
  setAlias,
} from '../../functions/artifacts/versions.ts';
import type { Store } from '../../functions/store/store.ts';
import { adapter, allKeys, freshStore } from './manifest.ts';

const tenant = 'acme';
const spam = { tenant, name: 'spam' };

async function stocked(): Promise<{ store: Store; digests: string[] }> {
  const store = freshStore();
  const digests: string[] = [];
  for (const content of ['one', 'two'])
    digests.push((await publishVersion(store, { ...spam, ...adapter(content) })).digest);
  for (const [i, alias] of ['live', 'candidate'].entries())
    await setAlias(store, { ...spam, alias, digest: digests[i]! });
  // Neighbours by the order of keys, and one of another tenant.
  for (const [owner, name] of [
    [tenant, 'spam-2'],
    [tenant, 'spa'],
    ['acme-two', 'spam'],
  ] as const) {
    const { digest } = await publishVersion(store, { tenant: owner, name, ...adapter('one') });
    await setAlias(store, { tenant: owner, name, alias: 'live', digest });
  }
  return { store, digests };
}

const failure = (work: Promise<unknown>) =>
  work.then(
    () => expect.fail('it went well'),
    error => ({ code: error.code, message: error.message }),
  );

/** What a tenant is told of spam in every way to ask for it. */
const told = (store: Store, digest: string) =>
  Promise.all([
    ...['spam', 'spam@candidate', `spam@sha256:${digest}`].map(reference =>
      failure(resolveReference(store, tenant, parseReference(reference))),
    ),
    failure(loadVersion(store, tenant, 'spam', digest)),
    failure(describeAdapter(store, tenant, 'spam')),
    failure(deleteAdapter(store, tenant, 'spam')),
  ]);

describe('a deleted adapter', () => {
  test('is like one that never was, and leaves its neighbours alone', async () => {
    const { store, digests } = await stocked();
    const never = await told(freshStore(), digests[0]!);
    expect(await deleteAdapter(store, tenant, 'spam')).toEqual({
      versions: [...digests].sort(),
      aliases: ['candidate', 'live'],
    });
    expect(await told(store, digests[0]!)).toEqual(never);
    expect(await listAdapters(store, tenant)).toEqual([
      { name: 'spa', versions: 1, aliases: ['live'] },
      { name: 'spam-2', versions: 1, aliases: ['live'] },
    ]);
    expect(await listAdapters(store, 'acme-two')).toHaveLength(1);
  });

  test('can be pushed again', async () => {
    const { store, digests } = await stocked();
    await deleteAdapter(store, tenant, 'spam');
    expect(await publishVersion(store, { ...spam, ...adapter('one') })).toEqual({
      digest: digests[0],
      created: true,
    });
    await loadVersion(store, tenant, 'spam', digests[0]!);
  });

  test('whose deletion is interrupted is at every moment found whole or by no name, and the next deletion ends it', async () => {
    for (let deletions = 0; ; deletions++) {
      const { store, digests } = await stocked();
      let left = deletions;
      const dying: Store = {
        ...store,
        delete: key => (left-- > 0 ? store.delete(key) : Promise.reject(new Error('killed'))),
      };
      const died = await deleteAdapter(dying, tenant, 'spam').then(
        () => false,
        () => true,
      );
      for (const alias of ['live', 'candidate']) {
        const digest = await resolveReference(store, tenant, { name: 'spam', alias }).catch(() => undefined);
        if (digest !== undefined) await loadVersion(store, tenant, 'spam', digest);
      }
      if (!died) return expect(deletions).toBe(4); // two aliases, two manifests
      await deleteAdapter(store, tenant, 'spam');
      expect(await told(store, digests[0]!)).toEqual(await told(freshStore(), digests[0]!));
    }
  });
});

describe('collecting', () => {
  const files = async (store: Store) => (await allKeys(store)).filter(key => key.endsWith('.safetensors'));

  test('removes the files of versions that are gone, and no others', async () => {
    const { store } = await stocked();
    expect(await collectOrphans(store, tenant)).toEqual([]);
    await deleteAdapter(store, tenant, 'spam');
    expect(await files(store)).toHaveLength(5);
    const would = await collectOrphans(store, tenant, { dryRun: true });
    expect(await files(store)).toHaveLength(5);
    expect(await collectOrphans(store, tenant)).toEqual(would);
    expect(would).toHaveLength(2);
    expect(would.every(key => key.startsWith(`tenants/${tenant}/adapters/spam/`))).toBe(true);
    expect(await files(store)).toHaveLength(3);
  });

  test('at any step of a push leaves the version whole once both have ended', async () => {
    // The push stops before its n-th access to the store, in which the whole collection runs.
    for (let step = 0; ; step++) {
      const store = freshStore();
      let accesses = 0;
      const interrupted = async () => {
        if (accesses++ === step) await collectOrphans(store, tenant);
      };
      const pushing: Store = {
        ...store,
        get: async key => interrupted().then(() => store.get(key)),
        put: async (...write) => interrupted().then(() => store.put(...write)),
      };
      const { digest } = await publishVersion(pushing, { ...spam, ...adapter('one') });
      await loadVersion(store, tenant, 'spam', digest);
      if (step >= accesses) return expect(accesses).toBeGreaterThan(3);
    }
  });

  test('beside a push that runs whole at any of its steps, too', async () => {
    for (let step = 0; ; step++) {
      const store = freshStore();
      const { digest } = await publishVersion(store, { ...spam, ...adapter('one') });
      await deleteAdapter(store, tenant, 'spam');
      let accesses = 0;
      const interrupted = async () => {
        if (accesses++ === step) await publishVersion(store, { ...spam, ...adapter('one') });
      };
      const collecting: Store = {
        ...store,
        get: async key => interrupted().then(() => store.get(key)),
        delete: async key => interrupted().then(() => store.delete(key)),
      };
      await collectOrphans(collecting, tenant);
      if (step >= accesses) return expect(accesses).toBeGreaterThan(2);
      await loadVersion(store, tenant, 'spam', digest);
    }
  });
});
