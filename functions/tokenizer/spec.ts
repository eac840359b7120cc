/** Checks a part of tokenizer.json against its schema; what the schema does not know is an error, not ignored. */
import type { z } from 'zod';
import { VeneerError } from '../error.ts';

/** @throws VeneerError `invalid_artifact` naming the part and its first wrong field. */
export function parseSpec<Schema extends z.ZodType>(
  schema: Schema,
  spec: unknown,
  part: string,
): z.infer<Schema> {
  const result = schema.safeParse(spec);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw unsupported([part, ...issue.path].join('.'), issue.message);
}

export function unsupported(part: string, what: string) {
  return new VeneerError(
    'invalid_artifact',
    `tokenizer.json: ${part}: ${what}; this tokenizer is not supported, choose another base`,
  );
}
