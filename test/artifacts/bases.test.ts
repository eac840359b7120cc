import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, isAbsolute, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { baseFile, publishBase, readBase } from '../../functions/artifacts/bases.ts';
import { sha256 } from '../../functions/artifacts/digest.ts';
import type { Store } from '../../functions/store/store.ts';
import { allKeys, base, dyingAt, freshStore, scratch, text } from './manifest.ts';

/** The store as one that is no directory of this machine, counting its reads. */
function remote(store: Store) {
  const reads: string[] = [];
  const { localPath: _, ...rest } = store;
  const get = (key: string) => {
    reads.push(key);
    return store.get(key);
  };
  return { reads, store: { ...rest, get } satisfies Store };
}

describe('publishing a base', () => {
  it('stores each file under its digest and gives the manifest back', async () => {
    const store = freshStore();
    const { manifest, files } = base('weights');
    expect(await publishBase(store, manifest, files)).toEqual({ created: true });
    expect(await allKeys(store)).toEqual(
      [...files.map(file => `bases/tiny/${file.sha256}`), 'bases/tiny/manifest.json'].sort(),
    );
    expect(await readBase(store, 'tiny')).toEqual(manifest);
  });

  it('does nothing the second time', async () => {
    const store = freshStore();
    const { manifest, files } = base('weights');
    await publishBase(store, manifest, files);
    expect(await publishBase(dyingAt(store, 1), manifest, files)).toEqual({ created: false });
  });

  it('leaves no manifest where it is interrupted at any write, and is completed by the next', async () => {
    const { manifest, files } = base('weights');
    for (let n = 1; n <= files.length + 1; n++) {
      const store = freshStore();
      await expect(publishBase(dyingAt(store, n), manifest, files)).rejects.toThrow('killed');
      await expect(readBase(store, 'tiny')).rejects.toMatchObject({ code: 'not_found' });
      expect(await publishBase(store, manifest, files)).toEqual({ created: true });
    }
  });

  it('replaces graphs of the same model', async () => {
    const store = freshStore();
    const { manifest, files } = base('weights');
    await publishBase(store, manifest, files);
    const graphs = { ...manifest.graphs, 'token.qv': manifest.graphs['pooled-mean.qv']! };
    expect(await publishBase(store, { ...manifest, graphs }, files)).toEqual({ created: true });
    expect((await readBase(store, 'tiny')).graphs).toEqual(graphs);
  });

  it('replaces another model under its name only by force', async () => {
    const store = freshStore();
    const first = base('weights');
    const other = base('other weights');
    await publishBase(store, first.manifest, first.files);
    const refusal = { code: 'conflict', message: expect.stringMatching(/another name, or --force/) };
    await expect(publishBase(store, other.manifest, other.files)).rejects.toMatchObject(refusal);
    expect(await readBase(store, 'tiny')).toEqual(first.manifest);
    await publishBase(store, other.manifest, other.files, { force: true });
    expect(await readBase(store, 'tiny')).toEqual(other.manifest);
  });

  it('refuses files that are not what the manifest says', async () => {
    const { manifest, files } = base('weights');
    const [first, ...rest] = files;
    const extra = { sha256: sha256('extra'), bytes: text('extra') };
    for (const [changed, code] of [
      [rest, 'invalid_artifact'],
      [[...files, extra], 'invalid_artifact'],
      [[{ ...first!, bytes: text('sourcE') }, ...rest], 'digest_mismatch'],
      [[{ ...first!, bytes: text('source and more') }, ...rest], 'digest_mismatch'],
    ] as const) {
      const store = freshStore();
      await expect(publishBase(store, manifest, [...changed])).rejects.toMatchObject({ code });
      expect(await allKeys(store)).toEqual([]);
    }
  });

  it('takes one file in two roles', async () => {
    const { manifest, files } = base('weights');
    const tokenizer = { source: manifest.tokenizer.source, compiled: manifest.tokenizer.source };
    const used = files.filter(file => file.sha256 !== manifest.tokenizer.compiled.sha256);
    expect(await publishBase(freshStore(), { ...manifest, tokenizer }, used)).toEqual({ created: true });
  });

  it('says how to get a base that is not there', async () => {
    await expect(readBase(freshStore(), 'minilm')).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('npx trainer pull-base minilm'),
    });
    await expect(readBase(freshStore(), '../x')).rejects.toMatchObject({ code: 'invalid_request' });
  });
});

describe("a base's file", () => {
  it("is the directory store's own, once it has been verified", async () => {
    const store = freshStore();
    const { manifest, files } = base('weights');
    await publishBase(store, manifest, files);
    const path = await baseFile(store, 'tiny', manifest.weights, scratch());
    expect(path).toBe(store.localPath?.(`bases/tiny/${manifest.weights.sha256}`));
    expect(await readFile(path, 'utf8')).toBe('weights');
  });

  it('is downloaded once from elsewhere, beside the other files of its base', async () => {
    const { store, reads } = remote(freshStore());
    const { manifest, files } = base('weights');
    await publishBase(store, manifest, files);
    reads.length = 0;
    const cache = join(scratch(), 'cache');
    const graph = manifest.graphs['pooled-mean.qv']!;
    const asked = [manifest.weights, graph, manifest.weights, graph];
    const [weightsPath = '', graphPath = ''] = await Promise.all(
      asked.map(ref => baseFile(store, 'tiny', ref, cache)),
    );
    expect(reads).toHaveLength(2);
    expect(isAbsolute(weightsPath)).toBe(true);
    expect(dirname(weightsPath)).toBe(dirname(graphPath));
    expect((await readdir(dirname(graphPath))).sort()).toEqual(
      [manifest.weights.sha256, graph.sha256].sort(),
    );
    expect(await readFile(weightsPath, 'utf8')).toBe('weights');
    expect(await readFile(graphPath, 'utf8')).toBe('graph');
  });

  it('is taken from the cache of an earlier process, unless it is damaged there', async () => {
    // biome-ignore format: a table
    for (const [lying, expectedReads] of [['weights', 0], ['weigh', 1], ['Weights', 1]] as const) {
      const { store, reads } = remote(freshStore());
      const { manifest, files } = base('weights');
      await publishBase(store, manifest, files);
      reads.length = 0;
      const cache = scratch();
      await mkdir(join(cache, 'tiny'));
      await writeFile(join(cache, 'tiny', manifest.weights.sha256), lying);
      const path = await baseFile(store, 'tiny', manifest.weights, cache);
      expect(await readFile(path, 'utf8')).toBe('weights');
      expect(reads).toHaveLength(expectedReads);
    }
  });

  it('is refused where it is damaged or lost, and taken again once it is good', async () => {
    for (const kind of ['directory', 'remote']) {
      const directory = freshStore();
      const store = kind === 'directory' ? directory : remote(directory).store;
      const { manifest, files } = base('weights');
      await publishBase(store, manifest, files);
      const key = `bases/tiny/${manifest.weights.sha256}`;
      const cache = scratch();
      const help = expect.stringContaining('pull-base tiny --force');
      await store.put(key, text('weightz'));
      await expect(baseFile(store, 'tiny', manifest.weights, cache)).rejects.toMatchObject({
        code: 'digest_mismatch',
        message: help,
      });
      await store.delete(key);
      await expect(baseFile(store, 'tiny', manifest.weights, cache)).rejects.toMatchObject({
        code: 'invalid_artifact',
        message: help,
      });
      await publishBase(store, manifest, files, { force: true });
      expect(await readFile(await baseFile(store, 'tiny', manifest.weights, cache), 'utf8')).toBe('weights');
    }
  });
});
