/** A base that is opened when first needed, or ahead of that, once for however many ask; a failure is forgotten. */
import type { AdapterManifest } from '../artifacts/manifests.ts';
import type { Base, OpeningBase } from '../base.ts';
import { VeneerError } from '../error.ts';

export interface LazyBase {
  /** @throws VeneerError `unavailable`, with what went wrong as its cause. */
  get(): Promise<Base>;
  /** Begins to open it before anybody needs it. Where that fails nobody is told: who needs it tries again. */
  begin(): void;
  /** While it opens: that this adapter will be asked first. */
  expect(adapter: AdapterManifest): void;
  /** Open, or not asked for yet. */
  ready(): boolean;
  close(): Promise<void>;
}

interface Attempt {
  opening: OpeningBase;
  /** Whether nobody has asked for it. */
  ahead: boolean;
}

export function lazyBase(open: () => OpeningBase): LazyBase {
  let pending: Attempt | undefined;
  let [asked, isOpen] = [false, false];

  const attempt = (ahead: boolean): Attempt => {
    const mine: Attempt = { opening: open(), ahead };
    pending = mine;
    mine.opening.opened.then(
      () => {
        isOpen = true;
      },
      () => {
        if (pending === mine) pending = undefined;
      },
    );
    return mine;
  };

  const get = async (): Promise<Base> => {
    asked = true;
    const { opening, ahead } = pending ?? attempt(false);
    try {
      return await opening.opened;
    } catch (cause) {
      if (ahead) return get();
      const why = cause instanceof VeneerError ? `: ${cause.message}` : '';
      throw new VeneerError('unavailable', `the base cannot be opened${why}`, { cause });
    }
  };

  return {
    get,
    begin() {
      if (!pending) attempt(true);
    },
    expect(adapter) {
      if (!isOpen) pending?.opening.expect(adapter);
    },
    ready: () => isOpen || !asked,
    async close() {
      const base = await pending?.opening.opened.catch(() => undefined);
      pending = undefined;
      await base?.engine.close();
    },
  };
}
