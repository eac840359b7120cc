/**
 * One JSON line on stderr for each request, and for what else went wrong on our side. No text, key, header or query is in
 * it. Messages of unknown exceptions are left out, too: they may quote one. Where it happened is enough to find a bug.
 */
import { VeneerError } from '../error.ts';
import type { Comparison } from '../shadow.ts';
import type { AnsweredRequest } from './answered.ts';

export function logError(error: unknown, requestId?: string): void {
  write({ level: 'error', request_id: requestId, ...described(error) });
}

/** @param always Whether a request is worth a line that nothing went wrong with on our side. */
export function logRequest(request: AnsweredRequest, always: boolean): void {
  const { error } = request;
  if (!always && error === undefined) return;
  write({
    level: error === undefined ? 'info' : 'error',
    request_id: request.requestId,
    trace_id: request.traceId,
    method: request.method,
    route: request.route,
    status: request.status,
    ms: Math.round(request.ms * 10) / 10,
    tenant: request.tenant,
    task: request.task,
    adapter: request.adapterDigest,
    tokens: request.tokens,
    windows: request.windows,
    code: request.code,
    ...(error === undefined ? {} : described(error)),
  });
}

/** Fields that are undefined are left out. */
function write(line: Record<string, unknown>): void {
  process.stderr.write(`${JSON.stringify({ time: new Date().toISOString(), ...line })}\n`);
}

/** Two versions that disagree about a request, as one JSON line on stderr. */
export function logDisagreement({ scoreDifference, ...comparison }: Comparison): void {
  const event = 'shadow_disagreement';
  write({ level: 'info', event, ...comparison, score_difference: scoreDifference });
}

function described(error: unknown): Record<string, unknown> {
  if (!(error instanceof Error)) return { error: typeof error };
  const cause = error.cause === undefined ? {} : { cause: described(error.cause) };
  if (error instanceof VeneerError) return { error: error.code, message: error.message, ...cause };
  const frames = error.stack?.match(/^ +at .+$/gm)?.map(frame => frame.trim());
  return { error: error.name, frames: frames?.slice(0, 12) ?? [], ...cause };
}
