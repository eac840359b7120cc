import { describe, expect, it } from 'vitest';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import { createKey, findKey, listKeys, revokeKey } from '../../functions/artifacts/keys.ts';
import { allKeys, freshStore } from './manifest.ts';

const now = () => new Date();
const forever = { tenant: 'acme', scopes: ['predict' as const], expiresAt: null };

describe('an API key', () => {
  it('is found with its tenant and scopes', async () => {
    const store = freshStore();
    const { key, record } = await createKey(store, {
      tenant: 'acme-2',
      scopes: ['predict', 'push'],
      expiresAt: null,
    });
    expect(record).toMatchObject({ tenant: 'acme-2', scopes: ['predict', 'push'], expiresAt: null });
    expect(await findKey(store, key, now())).toEqual(record);
  });

  it('has 256 random bits, and leaves none of them in the store', async () => {
    const store = freshStore();
    const keys = await Promise.all(Array.from({ length: 20 }, () => createKey(store, forever)));
    expect(new Set(keys.map(({ key }) => key)).size).toBe(20);
    for (const { key, id } of keys) {
      const secret = key.slice('vn_acme_'.length);
      expect(Buffer.from(secret, 'base64url')).toHaveLength(32);
      const stored = await store.get(`tenants/acme/keys/${id}.json`);
      expect(Buffer.from(stored!.bytes).toString()).not.toContain(secret);
      expect(id).toBe(sha256(key));
    }
    expect((await allKeys(store)).join()).not.toContain('vn_');
  });

  it('ends at its time and not before', async () => {
    const store = freshStore();
    const expiresAt = new Date(Date.now() + 60_000);
    const { key, record } = await createKey(store, { ...forever, expiresAt });
    expect(await findKey(store, key, new Date(expiresAt.getTime() - 1))).toEqual(record);
    expect(await findKey(store, key, expiresAt)).toBeUndefined();
    expect(await findKey(store, key, new Date(expiresAt.getTime() + 1))).toBeUndefined();
  });

  it('is gone once revoked, by its id or by itself, and others stay', async () => {
    const store = freshStore();
    const [one, two, three] = [
      await createKey(store, forever),
      await createKey(store, forever),
      await createKey(store, forever),
    ];
    await revokeKey(store, { tenant: 'acme', idOrKey: one.id });
    await revokeKey(store, { tenant: 'acme', idOrKey: two.key });
    expect(await findKey(store, one.key, now())).toBeUndefined();
    expect(await findKey(store, two.key, now())).toBeUndefined();
    expect(await findKey(store, three.key, now())).toEqual(three.record);
    await expect(revokeKey(store, { tenant: 'acme', idOrKey: one.id })).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(revokeKey(store, { tenant: 'rival', idOrKey: three.id })).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(revokeKey(store, { tenant: 'acme', idOrKey: '../x' })).rejects.toMatchObject({
      code: 'not_found',
    });
  });

  it('opens no other tenant, whatever name or record is put in its place', async () => {
    const store = freshStore();
    const { key, id, record } = await createKey(store, forever);
    const forged = key.replace('vn_acme_', 'vn_rival_');
    expect(await findKey(store, forged, now())).toBeUndefined();
    await store.put(`tenants/rival/keys/${id}.json`, canonicalJson(record));
    expect(await findKey(store, forged, now())).toBeUndefined();
    await store.put(`tenants/rival/keys/${sha256(forged)}.json`, canonicalJson(record));
    expect(await findKey(store, forged, now())).toBeUndefined();
  });

  it('is nothing but itself', async () => {
    const store = freshStore();
    const { key, id } = await createKey(store, forever);
    const secret = key.slice('vn_acme_'.length);
    // biome-ignore format: a table

    const others = [
      '', 'vn_', key.slice(1), key.slice(0, -1), `${key}=`, `${key}A`, ` ${key}`, `${key}\n`, key.toUpperCase(), id, secret, `vn_acme_${id}`,
      `vn__${secret}`, `vn_../acme_${secret}`, `vn_-acme_${secret}`, `vn_${'a'.repeat(64)}_${secret}`, `vn_acme_${'A'.repeat(43)}`,
      `vn_acme/keys_${secret}`, 'x'.repeat(1_000_000),
    ];
    for (const other of others) expect(await findKey(store, other, now())).toBeUndefined();
  });

  it('needs a tenant, a scope and an end that is to come', async () => {
    const store = freshStore();
    for (const wrong of [
      { tenant: 'A_b' },
      { tenant: '../x' },
      { scopes: [] },
      { expiresAt: new Date(0) },
      { expiresAt: new Date(Number.NaN) },
    ])
      await expect(createKey(store, { ...forever, ...wrong })).rejects.toMatchObject({
        code: 'invalid_request',
      });
    expect(await allKeys(store)).toEqual([]);
  });

  it('is listed under its tenant alone, by id', async () => {
    const store = freshStore();
    const one = await createKey(store, forever);
    const two = await createKey(store, { ...forever, scopes: ['admin'] });
    await createKey(store, { ...forever, tenant: 'acme-2' });
    const listed = await listKeys(store, 'acme');
    expect(listed).toHaveLength(2);
    expect(listed).toEqual(
      expect.arrayContaining([
        { ...one.record, id: one.id },
        { ...two.record, id: two.id },
      ]),
    );
    expect(await listKeys(store, 'nobody')).toEqual([]);
  });
});
