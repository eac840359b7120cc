import { describe, expect, it } from 'vitest';
import { VeneerError } from '../../functions/error.ts';
import { lazyBase } from '../../functions/http/lazy-base.ts';
import { fakeBase } from './fake-base.ts';

describe('a lazy base', () => {
  it('opens once for however many ask', async () => {
    let opened = 0;
    const base = lazyBase(async () => {
      opened++;
      return fakeBase();
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
    const base = lazyBase(async () => {
      if (fails) throw cause;
      return fakeBase();
    });
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
    const lazy = lazyBase(async () => base);
    await lazy.close();
    expect(closed).toBe(0);
    void lazy.get();
    await lazy.close();
    expect(closed).toBe(1);
    const failing = lazyBase(async () => {
      throw new Error('no');
    });
    failing.get().catch(() => {});
    await failing.close();
  });
});
