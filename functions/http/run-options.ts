/** What a request tells the engine: whose turn it takes, and when nobody waits for its answer any more. */
import type { Context } from 'hono';
import type { RunOptions, Stop } from '../engine/engine.ts';
import { VeneerError } from '../error.ts';
import type { RequestEnv } from './context.ts';
import type { Limits } from './services.ts';

/** An AbortController without what makes one of them, and its listeners, as slow as all checks of a request's body. */
class Stopper implements Stop {
  aborted = false;
  reason: unknown;
  readonly #listeners = new Set<() => void>();

  addEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.add(listener);
  }

  removeEventListener(_type: 'abort', listener: () => void): void {
    this.#listeners.delete(listener);
  }

  stop(name: 'AbortError' | 'TimeoutError'): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = new DOMException('', name);
    for (const listener of this.#listeners) listener();
  }
}

/** A timer and a listener that end with the work: `AbortSignal.timeout` would keep each for the whole of its time. */
export async function withRunOptions<T>(
  c: Context<RequestEnv>,
  { deadlineMs }: Limits,
  work: (run: RunOptions) => Promise<T>,
): Promise<T> {
  const signal = new Stopper();
  const timer = setTimeout(() => signal.stop('TimeoutError'), deadlineMs);
  const stayed = onGone(c, () => signal.stop('AbortError'));
  try {
    return await work({ tenant: c.get('tenant'), signal });
  } finally {
    clearTimeout(timer);
    stayed();
  }
}

/** Calls back when the client goes away, at once where it has gone; until what it returns is called. */
function onGone(c: Context<RequestEnv>, callBack: () => void): () => void {
  const response = c.env?.outgoing;
  if (response) {
    // Of a Node server: the signal of its request is made when it is first asked for, which is dear.
    if (response.destroyed) callBack();
    else response.once('close', callBack);
    return () => response.off('close', callBack);
  }
  const { signal } = c.req.raw;
  if (signal.aborted) callBack();
  else signal.addEventListener('abort', callBack);
  return () => signal.removeEventListener('abort', callBack);
}

/** The problem behind an aborted run; undefined where `thrown` is none. */
export function aborted(thrown: unknown): VeneerError | undefined {
  if (!(thrown instanceof DOMException)) return undefined;
  if (thrown.name === 'TimeoutError')
    return new VeneerError('unavailable', 'the answer was not ready before the deadline', {
      retryAfterSeconds: 1,
    });
  return thrown.name === 'AbortError' ? new VeneerError('unavailable', 'the client went away') : undefined;
}
