import { describe, expect, it } from 'vitest';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import { describeAdapter, listAdapters } from '../../functions/artifacts/listing.ts';
import { parseReference } from '../../functions/artifacts/names.ts';
import {
  loadVersion,
  publishVersion,
  readAlias,
  resolveReference,
  setAlias,
} from '../../functions/artifacts/versions.ts';
import type { Store } from '../../functions/store/store.ts';
import { adapter, allKeys, dyingAt, freshStore, text } from './manifest.ts';

const acme = { tenant: 'acme', name: 'spam' };
const live = { ...acme, alias: 'live' };
const folderOf = (digest: string) => `tenants/acme/adapters/spam/versions/${digest}`;

async function published(store: Store, ...contents: string[]): Promise<string[]> {
  const digests: string[] = [];
  for (const content of contents)
    digests.push((await publishVersion(store, { ...acme, ...adapter(content) })).digest);
  return digests;
}

describe('publishing a version', () => {
  it('stores it under the digest of its manifest, and gives it back whole', async () => {
    const store = freshStore();
    const { manifest, files } = adapter('tensors');
    const { digest, created } = await publishVersion(store, { ...acme, manifest, files });
    expect({ digest, created }).toEqual({ digest: sha256(manifest), created: true });
    expect(await allKeys(store)).toEqual([
      `${folderOf(digest)}/adapter.safetensors`,
      `${folderOf(digest)}/manifest.json`,
    ]);
    const loaded = await loadVersion(store, 'acme', 'spam', digest);
    expect(loaded.digest).toBe(digest);
    expect(loaded.manifest).toEqual(JSON.parse(Buffer.from(manifest).toString()));
    expect(Buffer.from(loaded.files['adapter.safetensors']).toString()).toBe('tensors');
  });

  it('reads a manifest from before there were problems as single-label', async () => {
    const store = freshStore();
    const { manifest, files } = adapter('tensors');
    const { problem: _, ...old } = JSON.parse(Buffer.from(manifest).toString());
    const { digest } = await publishVersion(store, { ...acme, manifest: canonicalJson(old), files });
    const loaded = await loadVersion(store, 'acme', 'spam', digest);
    expect(loaded.digest).toBe(sha256(canonicalJson(old)));
    expect(loaded.manifest.problem).toBe('single-label');
    expect(loaded.manifest.threshold).toBeUndefined();
  });

  it('does nothing the second time', async () => {
    const store = freshStore();
    const [digest] = await published(store, 'tensors');
    const unwritable = dyingAt(store, 1);
    expect(await publishVersion(unwritable, { ...acme, ...adapter('tensors') })).toEqual({
      digest,
      created: false,
    });
  });

  it('is created by exactly one of ten pushes at once', async () => {
    const store = freshStore();
    const pushes = await Promise.all(
      Array.from({ length: 10 }, () => publishVersion(store, { ...acme, ...adapter('x') })),
    );
    expect(pushes.filter(push => push.created)).toHaveLength(1);
    expect(new Set(pushes.map(push => push.digest)).size).toBe(1);
  });

  it('leaves nothing to be found where it is interrupted at any write, and is completed by the next push', async () => {
    for (const n of [1, 2]) {
      const store = freshStore();
      const version = { ...acme, ...adapter('tensors') };
      await expect(publishVersion(dyingAt(store, n), version)).rejects.toThrow(`killed at write ${n}`);
      expect(await listAdapters(store, 'acme')).toEqual([]);
      await expect(loadVersion(store, 'acme', 'spam', sha256(version.manifest))).rejects.toMatchObject({
        code: 'not_found',
      });
      const { digest, created } = await publishVersion(store, version);
      expect(created).toBe(true);
      await loadVersion(store, 'acme', 'spam', digest);
    }
    await publishVersion(dyingAt(freshStore(), 3), { ...acme, ...adapter('tensors') });
  });

  it('makes damaged files good', async () => {
    for (const file of ['manifest.json', 'adapter.safetensors']) {
      const store = freshStore();
      const [digest = ''] = await published(store, 'tensors');
      await store.put(`${folderOf(digest)}/${file}`, text('damage'));
      await expect(loadVersion(store, 'acme', 'spam', digest)).rejects.toMatchObject({
        code: 'digest_mismatch',
      });
      await published(store, 'tensors');
      await loadVersion(store, 'acme', 'spam', digest);
    }
  });

  const good = adapter('tensors');
  const parsed = JSON.parse(Buffer.from(good.manifest).toString());
  // biome-ignore format: a table

  const refused: [string, { manifest: Uint8Array; files: Record<string, Uint8Array> }, string, RegExp][] = [
    ['no JSON', { ...good, manifest: text('{') }, 'invalid_artifact', /manifest\.json: not JSON/],
    ['a missing field', { ...good, manifest: canonicalJson({ ...parsed, head: undefined }) }, 'invalid_artifact', /head/],
    ['a later format', { ...good, manifest: canonicalJson({ ...parsed, formatVersion: 2 }) }, 'invalid_artifact', /formatVersion/],
    ['no method', { ...good, manifest: canonicalJson({ ...parsed, lora: undefined }) }, 'invalid_artifact', /lora: exactly one of lora, ia3, prompt, prefix must be there/],
    ['two methods', { ...good, manifest: canonicalJson({ ...parsed, prompt: { tokens: 3 } }) }, 'invalid_artifact', /exactly one of lora/],
    ['a prompt without end', { ...good, manifest: canonicalJson({ ...parsed, lora: undefined, prompt: { tokens: 1e9 } }) }, 'invalid_artifact', /prompt\.tokens/],
    ['a missing file', { ...good, files: {} }, 'invalid_artifact', /adapter\.safetensors.*missing/],
    ['a file too many', { ...good, files: { ...good.files, '../x': text('') } }, 'invalid_artifact', /\.\.\/x: the manifest does not name/],
    ['a changed byte', { ...good, files: { 'adapter.safetensors': text('tensorz') } }, 'digest_mismatch', /SHA-256/],
    ['a cut file', { ...good, files: { 'adapter.safetensors': text('tensor') } }, 'digest_mismatch', /6 bytes, the manifest says 7/],
  ];
  it.each(refused)('refuses %s and writes nothing', async (_what, version, code, message) => {
    const store = freshStore();
    const refusal = { code, message: expect.stringMatching(message) };
    await expect(publishVersion(store, { ...acme, ...version })).rejects.toMatchObject(refusal);
    expect(await allKeys(store)).toEqual([]);
  });

  it.each(['../acme', 'Acme', 'a/b', '', 'a_b', 'x'.repeat(64)])(
    'refuses %j as a tenant or a name',
    async bad => {
      const store = freshStore();
      await expect(publishVersion(store, { ...acme, ...good, tenant: bad })).rejects.toMatchObject({
        code: 'invalid_request',
      });
      await expect(publishVersion(store, { ...acme, ...good, name: bad })).rejects.toMatchObject({
        code: 'invalid_request',
      });
      await expect(setAlias(store, { ...acme, alias: bad, digest: sha256('x') })).rejects.toMatchObject({
        code: expect.any(String),
      });
    },
  );
});

describe('loading a version', () => {
  it('notices any changed, lost or added byte', async () => {
    const store = freshStore();
    const [digest = ''] = await published(store, 'tensors');
    for (const file of ['manifest.json', 'adapter.safetensors']) {
      const { bytes } = (await store.get(`${folderOf(digest)}/${file}`))!;
      for (const damaged of [
        bytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte)),
        bytes.subarray(1),
        Buffer.concat([bytes, text(' ')]),
      ]) {
        await store.put(`${folderOf(digest)}/${file}`, damaged);
        await expect(loadVersion(store, 'acme', 'spam', digest)).rejects.toMatchObject({
          code: 'digest_mismatch',
        });
      }
      await store.put(`${folderOf(digest)}/${file}`, bytes);
    }
    await loadVersion(store, 'acme', 'spam', digest);
    await store.delete(`${folderOf(digest)}/adapter.safetensors`);
    await expect(loadVersion(store, 'acme', 'spam', digest)).rejects.toMatchObject({
      code: 'invalid_artifact',
    });
  });
});

describe('an alias', () => {
  it('points to a version and remembers the one before', async () => {
    const store = freshStore();
    const [one = '', two = ''] = await published(store, 'one', 'two');
    expect(await readAlias(store, live)).toBeUndefined();
    expect(await setAlias(store, { ...live, digest: one })).toMatchObject({ digest: one, previous: null });
    const second = await setAlias(store, { ...live, digest: two });
    expect(second).toMatchObject({ digest: two, previous: one });
    expect((await readAlias(store, live))?.alias).toEqual(second);
    expect(await setAlias(store, { ...live, digest: second.previous! })).toMatchObject({
      digest: one,
      previous: two,
    });
  });

  it('is not written where it already points there', async () => {
    const store = freshStore();
    const [one = '', two = ''] = await published(store, 'one', 'two');
    await setAlias(store, { ...live, digest: one });
    const set = await setAlias(store, { ...live, digest: two });
    expect(await setAlias(dyingAt(store, 1), { ...live, digest: two })).toEqual(set);
  });

  it('of before canaries and shadows is read and moved as ever', async () => {
    const store = freshStore();
    const [one = '', two = ''] = await published(store, 'one', 'two');
    const old = { digest: one, previous: null, updatedAt: '2026-01-02T03:04:05.678Z' };
    await store.put('tenants/acme/adapters/spam/aliases/live.json', text(JSON.stringify(old)));
    expect((await readAlias(store, live))?.alias).toEqual(old);
    expect(await setAlias(store, { ...live, digest: two })).toMatchObject({ digest: two, previous: one });
  });

  it.each([
    ['a canary of all requests', { canary: { digest: 'a'.repeat(64), percent: 100 } }],
    ['a canary of none', { canary: { digest: 'a'.repeat(64), percent: 0 } }],
    ['a canary of nothing', { canary: { percent: 5 } }],
    ['a shadow that is no digest', { shadow: '../other' }],
  ])('with %s is damaged', async (_what, changes) => {
    const store = freshStore();
    const alias = {
      digest: 'b'.repeat(64),
      previous: null,
      updatedAt: '2026-01-02T03:04:05.678Z',
      ...changes,
    };
    await store.put('tenants/acme/adapters/spam/aliases/live.json', text(JSON.stringify(alias)));
    await expect(readAlias(store, live)).rejects.toMatchObject({ code: 'invalid_artifact' });
  });

  it('tries no version that is not there', async () => {
    const store = freshStore();
    const [one = ''] = await published(store, 'one');
    const digest = sha256('x');
    for (const trial of [{ canary: { digest, percent: 5 } }, { shadow: digest }])
      await expect(setAlias(store, { ...live, digest: one, ...trial })).rejects.toMatchObject({
        code: 'not_found',
        message: expect.stringContaining(digest),
      });
  });

  it('points to nothing that is not there', async () => {
    const store = freshStore();
    await expect(setAlias(store, { ...live, digest: sha256('x') })).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(await allKeys(store)).toEqual([]);
  });

  it('is refused to a push that began before another one ended', async () => {
    const store = freshStore();
    const [one = '', two = '', three = ''] = await published(store, 'one', 'two', 'three');
    const beforeAny = await readAlias(store, live);
    await setAlias(store, { ...live, digest: one, expect: beforeAny ?? null });
    const seen = await readAlias(store, live);
    await setAlias(store, { ...live, digest: two, expect: seen });
    const winner = { code: 'conflict', message: expect.stringContaining(two) };
    await expect(setAlias(store, { ...live, digest: three, expect: seen })).rejects.toMatchObject(winner);
    await expect(setAlias(store, { ...live, digest: three, expect: null })).rejects.toMatchObject(winner);
    expect((await readAlias(store, live))?.alias).toMatchObject({ digest: two, previous: one });
    await setAlias(store, { ...live, digest: two, expect: seen });
  });

  it.each(['new', 'standing'])('is won by exactly one of eight racing pushes where it is %s', async state => {
    const store = freshStore();
    const [start = '', ...rivals] = await published(store, ...'012345678');
    if (state === 'standing') await setAlias(store, { ...live, digest: start });
    const expected = (await readAlias(store, live)) ?? null;
    const outcomes = await Promise.allSettled(
      rivals.map(digest => setAlias(store, { ...live, digest, expect: expected })),
    );
    const won = outcomes.flatMap(outcome => (outcome.status === 'fulfilled' ? [outcome.value] : []));
    expect(won).toHaveLength(1);
    expect((await readAlias(store, live))?.alias).toEqual(won[0]);
    expect(won[0]?.previous).toBe(state === 'standing' ? start : null);
    for (const outcome of outcomes)
      if (outcome.status === 'rejected')
        expect(outcome.reason).toMatchObject({
          code: 'conflict',
          message: expect.stringContaining(won[0]!.digest),
        });
  });
});

describe('a reference', () => {
  it('means the version that its alias or its digest says', async () => {
    const store = freshStore();
    const [one = '', two = ''] = await published(store, 'one', 'two');
    await setAlias(store, { ...live, digest: one });
    await setAlias(store, { ...acme, alias: 'canary', digest: two });
    // biome-ignore format: a table
    for (const [reference, digest] of [['spam', one], ['spam@live', one], ['spam@canary', two], [`spam@sha256:${two}`, two]] as const)
      expect(await resolveReference(store, 'acme', parseReference(reference))).toBe(digest);
  });

  it('fails the same way for whatever is unknown, another tenant’s adapter included', async () => {
    const store = freshStore();
    const [digest = ''] = await published(store, 'one');
    await setAlias(store, { ...live, digest });
    const messages = new Set<string>();
    for (const [tenant, reference] of [
      ['rival', 'spam@live'],
      ['acme', 'ham@live'],
      ['acme', 'spam@beta'],
      ['rival', `spam@sha256:${digest}`],
      ['acme', `spam@sha256:${sha256('other')}`],
    ] as const) {
      const error = await resolveReference(store, tenant, parseReference(reference)).then(
        () => expect.fail(),
        thrown => thrown,
      );
      expect(error).toMatchObject({ code: 'not_found' });
      messages.add(error.message.replace(reference, 'REFERENCE').replaceAll(tenant, 'TENANT'));
    }
    expect(messages.size).toBe(1);
    await expect(loadVersion(store, 'rival', 'spam', digest)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe("a tenant's adapters", () => {
  it('are listed by name with their versions and aliases, and nobody else’s', async () => {
    const store = freshStore();
    const [one = ''] = await published(store, 'one', 'two');
    await setAlias(store, { ...live, digest: one });
    await publishVersion(store, { tenant: 'acme', name: 'intent', ...adapter('three') });
    await publishVersion(store, { tenant: 'acme-two', name: 'other', ...adapter('four') });
    expect(await listAdapters(store, 'acme')).toEqual([
      { name: 'intent', versions: 1, aliases: [] },
      { name: 'spam', versions: 2, aliases: ['live'] },
    ]);
    expect(await listAdapters(store, 'nobody')).toEqual([]);
  });

  it('are described with task, labels and metrics of each version', async () => {
    const store = freshStore();
    const [one = '', two = ''] = await published(store, 'one', 'two');
    await setAlias(store, { ...live, digest: one });
    const alias = await setAlias(store, { ...live, digest: two });
    const { name, versions, aliases } = await describeAdapter(store, 'acme', 'spam');
    expect(name).toBe('spam');
    expect(versions.map(version => version.digest)).toEqual([one, two].sort());
    expect(versions[0]).toMatchObject({
      task: 'classification',
      problem: 'single-label',
      labels: ['no', 'yes'],
      metrics: { served: { accuracy: 0.9 } },
    });
    expect(aliases).toEqual({ live: alias });
    await expect(describeAdapter(store, 'rival', 'spam')).rejects.toMatchObject({ code: 'not_found' });
    await expect(describeAdapter(store, 'acme', 'ham')).rejects.toMatchObject({ code: 'not_found' });
  });
});
