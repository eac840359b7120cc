/** What a request tells the engine: whose turn it takes, and when nobody waits for its answer any more. */
import type { Context } from 'hono';
import type { RunOptions } from '../engine/engine.ts';
import { VeneerError } from '../error.ts';
import type { RequestEnv } from './context.ts';
import type { Limits } from './services.ts';

export function runOptions(c: Context<RequestEnv>, { deadlineMs }: Limits): RunOptions {
  return {
    tenant: c.get('tenant'),
    signal: AbortSignal.any([c.req.raw.signal, AbortSignal.timeout(deadlineMs)]),
  };
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
