/** Checks a part of tokenizer.json against its schema; what the schema does not know is an error, not ignored. */
import * as z from 'zod/mini';
import { VeneerError } from '../error.ts';
import '../messages.ts';

/** @throws VeneerError `invalid_artifact` naming the part and its first wrong field. */
export function parseSpec<Schema extends z.ZodMiniType>(
  schema: Schema,
  spec: unknown,
  part: string,
): z.infer<Schema> {
  const result = schema.safeParse(spec);
  if (result.success) return result.data;
  const issue = result.error.issues[0]!;
  throw unsupported([part, ...issue.path].join('.'), issue.message);
}

/** Pieces and their ids, in order; a z.record would lose a piece that is called __proto__. */
export const Vocabulary = z.pipe(
  z.unknown(),
  z.transform((json, { issues }): ReadonlyMap<string, number> => {
    const isObject = typeof json === 'object' && json !== null && !Array.isArray(json);
    const ids = new Map<string, number>(isObject ? Object.entries(json) : []);
    const complain = (message: string) => issues.push({ code: 'custom', input: json, message });
    const wrong = [...ids].find(([, id]) => !(Number.isInteger(id) && id >= 0));
    if (!isObject) complain('it is no object of pieces and ids');
    if (wrong) complain(`the id of ${JSON.stringify(wrong[0])} is no whole number from 0`);
    return ids;
  }),
);

export function unsupported(part: string, what: string) {
  return new VeneerError(
    'invalid_artifact',
    `tokenizer.json: ${part}: ${what}; this tokenizer is not supported, choose another base`,
  );
}
