/** The two ways text from outside gets past a schema here: a JSON document of the store, and a name on its way into a key. */
import * as z from 'zod/mini';
import { VeneerError } from '../error.ts';
import '../messages.ts';

/** @throws VeneerError `invalid_artifact` naming `what` and the field. */
export function parseDocument<T>(schema: z.core.$ZodType<T>, bytes: Uint8Array, what: string): T {
  let json: unknown;
  try {
    json = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw new VeneerError('invalid_artifact', `${what}: not JSON`);
  }
  // A process reads few documents: compiling a validator for each would cost more than it saves.
  const parsed = z.safeParse(schema, json, { jitless: true });
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  throw new VeneerError(
    'invalid_artifact',
    `${what}: ${issue?.path.join('.') || 'document'}: ${issue?.message}`,
  );
}

/** @throws VeneerError `invalid_request`. */
export function parseName(schema: z.core.$ZodType<string>, text: string): string {
  const parsed = z.safeParse(schema, text);
  if (parsed.success) return parsed.data;
  throw new VeneerError(
    'invalid_request',
    `${JSON.stringify(String(text).slice(0, 80))}: ${parsed.error.issues[0]?.message}`,
  );
}
