/** A base that is opened when first needed, once for however many ask; a failure is forgotten. */
import type { Base } from '../base.ts';
import { VeneerError } from '../error.ts';

export interface LazyBase {
  /** @throws VeneerError `unavailable`, with what went wrong as its cause. */
  get(): Promise<Base>;
  /** Open, or not tried yet. */
  ready(): boolean;
  close(): Promise<void>;
}

export function lazyBase(open: () => Promise<Base>): LazyBase {
  let pending: Promise<Base> | undefined;
  let ready = true;

  const attempt = async (): Promise<Base> => {
    ready = false;
    try {
      const base = await open();
      ready = true;
      return base;
    } catch (cause) {
      const why = cause instanceof VeneerError ? `: ${cause.message}` : '';
      throw new VeneerError('unavailable', `the base cannot be opened${why}`, { cause });
    }
  };

  return {
    get() {
      if (!pending) {
        pending = attempt();
        pending.catch(() => {
          pending = undefined;
        });
      }
      return pending;
    },
    ready: () => ready,
    async close() {
      const base = await pending?.catch(() => undefined);
      pending = undefined;
      await base?.engine.close();
    },
  };
}
