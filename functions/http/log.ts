/**
 * What went wrong on our side, as one JSON line on stderr. Messages of unknown exceptions are left out: they may quote a
 * text or a key. Where it happened is enough to find a bug.
 */
import { VeneerError } from '../error.ts';

export function logError(error: unknown, requestId?: string): void {
  const line = {
    time: new Date().toISOString(),
    level: 'error',
    ...(requestId === undefined ? {} : { request_id: requestId }),
    ...described(error),
  };
  process.stderr.write(`${JSON.stringify(line)}\n`);
}

function described(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const cause = error.cause === undefined ? {} : { cause: described(error.cause) };
  if (error instanceof VeneerError) return { error: error.code, message: error.message, ...cause };
  const frames = error.stack?.match(/^ +at .+$/gm)?.map(frame => frame.trim());
  return { error: error.name, frames: frames?.slice(0, 12) ?? [], ...cause };
}
