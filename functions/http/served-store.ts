/** The store as requests see it: whatever fails in it is our failure, never the caller's, and its details stay in the log. */
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';

export function servedStore(store: Store): Store {
  const failed = (cause: unknown): never => {
    if (!(cause instanceof VeneerError)) throw cause;
    throw new VeneerError('unavailable', `the store failed: ${cause.message}`, { cause });
  };
  return {
    ...store,
    url: store.url,
    get: key => store.get(key).catch(failed),
    getIfChanged: (key, etag) => store.getIfChanged(key, etag).catch(failed),
    put: (key, bytes, condition) =>
      store.put(key, bytes, condition).catch(error => {
        // Not a failure: whoever asked for the condition knows what it means.
        if (error instanceof VeneerError && error.code === 'conflict') throw error;
        return failed(error);
      }),
    delete: key => store.delete(key).catch(failed),
    async *list(prefix) {
      try {
        yield* store.list(prefix);
      } catch (error) {
        failed(error);
      }
    },
  };
}
