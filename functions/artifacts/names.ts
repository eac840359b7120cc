/** Names that reach store keys, and adapter references. Nothing becomes part of a key without passing here. */
import * as z from 'zod/mini';
import { VeneerError } from '../error.ts';

const namePattern = '[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?';
/** A pattern and what is said of a text that does not match: for schemas, also for those of the HTTP surface that are documented. */
export type TextRule = readonly [pattern: RegExp, message: string];

const nameRule = (what: string): TextRule => [
  new RegExp(`^${namePattern}$`),
  `${what}: 1 to 63 lower-case letters, digits and inner dashes`,
];
export const adapterNameRule = nameRule('an adapter name');
export const aliasNameRule = nameRule('an alias');

export const matching = (rule: TextRule) => z.string().check(z.regex(...rule));

export const TenantName = matching(nameRule('a tenant name'));
export const AdapterName = matching(adapterNameRule);
export const AliasName = matching(aliasNameRule);
export const BaseName = matching(nameRule('a base name'));
export const Digest = matching([/^[0-9a-f]{64}$/, 'a SHA-256 digest has 64 lower-case hexadecimal digits']);

export const tasks = ['classification', 'sequence-labeling', 'question-answering'] as const;
export const TaskName = z.enum(tasks);
export type TaskName = z.infer<typeof TaskName>;

export const referencePattern = new RegExp(`^${namePattern}(?:@(?:${namePattern}|sha256:[0-9a-f]{64}))?$`);
export const howToRefer = 'write name, name@alias or name@sha256:<64 hex digits>';

/** `name`, `name@alias` or `name@sha256:<digest>`; a bare name is alias `live`. */
export type AdapterReference = { name: string; alias: string } | { name: string; digest: string };

/** @throws VeneerError `invalid_request` where the text is no reference. */
export function parseReference(text: string): AdapterReference {
  if (!referencePattern.test(text))
    throw new VeneerError(
      'invalid_request',
      `${JSON.stringify(text.slice(0, 160))} is no adapter reference: ${howToRefer}`,
    );
  const [head, tail = 'live'] = text.split('@') as [string, string?];
  return tail.startsWith('sha256:') ? { name: head, digest: tail.slice(7) } : { name: head, alias: tail };
}
