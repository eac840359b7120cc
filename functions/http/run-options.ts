/** What a request tells the engine: whose turn it takes, and when nobody waits for its answer any more. */
import type { Context } from 'hono';
import type { RunOptions } from '../engine/engine.ts';
import { VeneerError } from '../error.ts';
import type { RequestEnv } from './context.ts';
import type { Limits } from './services.ts';

/** A timer and a listener that end with the work: `AbortSignal.timeout` would keep each for the whole of its time. */
export async function withRunOptions<T>(
  c: Context<RequestEnv>,
  { deadlineMs }: Limits,
  work: (run: RunOptions) => Promise<T>,
): Promise<T> {
  const client = c.req.raw.signal;
  const controller = new AbortController();
  const stop = (name: string) => controller.abort(new DOMException('', name));
  const gone = () => stop('AbortError');
  const timer = setTimeout(() => stop('TimeoutError'), deadlineMs);
  if (client.aborted) gone();
  else client.addEventListener('abort', gone);
  try {
    return await work({ tenant: c.get('tenant'), signal: controller.signal });
  } finally {
    clearTimeout(timer);
    client.removeEventListener('abort', gone);
  }
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
