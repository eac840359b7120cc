import { describe, expect, it } from 'vitest';
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import type { Base, OpeningBase } from '../../functions/base.ts';
import { VeneerError } from '../../functions/error.ts';
import { lazyBase } from '../../functions/http/lazy-base.ts';
import { fakeBase } from './fake-base.ts';

const opening = (open: () => Promise<Base>): OpeningBase => ({ opened: open(), expect() {} });

describe('a lazy base', () => {
  it('opens once for however many ask', async () => {
    let opened = 0;
    const base = lazyBase(() => {
      opened++;
      return opening(async () => fakeBase());
    });
    expect(base.ready()).toBe(true);
    const [first, second] = [base.get(), base.get()];
    expect(base.ready()).toBe(false);
    expect(await first).toBe(await second);
    expect(await base.get()).toBe(await first);
    expect(opened).toBe(1);
    expect(base.ready()).toBe(true);
  });

  it('forgets a failure, and is not ready until it opens', async () => {
    let fails = true;
    const cause = new VeneerError('invalid_artifact', 'graph.onnx is damaged');
    const base = lazyBase(() =>
      opening(async () => {
        if (fails) throw cause;
        return fakeBase();
      }),
    );
    await expect(base.get()).rejects.toMatchObject({
      code: 'unavailable',
      message: 'the base cannot be opened: graph.onnx is damaged',
      cause,
    });
    expect(base.ready()).toBe(false);
    fails = false;
    await base.get();
    expect(base.ready()).toBe(true);
  });

  it('closes the engine it opened, and nothing where it opened none', async () => {
    let closed = 0;
    const base = fakeBase();
    base.engine.close = async () => {
      closed++;
    };
    const lazy = lazyBase(() => opening(async () => base));
    await lazy.close();
    expect(closed).toBe(0);
    void lazy.get();
    await lazy.close();
    expect(closed).toBe(1);
    const failing = lazyBase(() =>
      opening(async () => {
        throw new Error('no');
      }),
    );
    failing.get().catch(() => {});
    await failing.close();
  });

  it('begins ahead of who needs it, without a word where that fails: who needs it then tries again', async () => {
    let opened = 0;
    const base = lazyBase(() => {
      opened++;
      const fails = opened === 1;
      return opening(async () => {
        await new Promise(resolve => setImmediate(resolve));
        if (fails) throw new VeneerError('unavailable', 'the store is away');
        return fakeBase();
      });
    });
    base.begin();
    base.begin();
    expect([opened, base.ready()]).toEqual([1, true]);
    const [first, second] = await Promise.all([base.get(), base.get()]);
    expect(first).toBe(second);
    expect([opened, base.ready()]).toEqual([2, true]);
    base.begin();
    expect(opened).toBe(2);
  });

  it('tells the one who asked of a failure after one ahead', async () => {
    const base = lazyBase(() => opening(() => Promise.reject(new Error('no'))));
    base.begin();
    await expect(base.get()).rejects.toMatchObject({ code: 'unavailable' });
    expect(base.ready()).toBe(false);
  });

  it('tells a base that opens of the adapter that will be asked, and no other', async () => {
    const [expected, manifest] = [[] as unknown[], { labels: ['a'] } as AdapterManifest];
    const base = lazyBase(() => ({
      opened: Promise.resolve(fakeBase()),
      expect: adapter => void expected.push(adapter),
    }));
    base.expect(manifest);
    expect(expected).toEqual([]);
    base.begin();
    base.expect(manifest);
    expect(expected).toEqual([manifest]);
    await base.get();
    base.expect(manifest);
    expect(expected).toEqual([manifest]);
  });
});
