/** What a schema found wrong, as a list of fields for the caller. Quotes names of fields, never values. */
import type { z } from 'zod';
import { VeneerError } from '../error.ts';

export interface FieldError {
  /** Such as `inputs.3.text`. */
  path: string;
  message: string;
}

type Issue = z.core.$ZodIssue;

const maxErrors = 20;
const maxMessageLength = 200;

/** The request parsed, and these fields of it are wrong. */
export class InvalidFields extends VeneerError {
  readonly errors: FieldError[];

  /** @param at Where in the body the issues' paths begin. */
  constructor(issues: readonly Issue[], at: readonly PropertyKey[] = []) {
    const errors = issues.flatMap(issue => fieldErrors(issue, at)).slice(0, maxErrors);
    super('invalid_request', errors.map(({ path, message }) => `${path}: ${message}`)[0] ?? 'wrong fields');
    this.errors = errors;
  }
}

/**
 * At once, and not as a promise: zod compiles its schemas for that alone.
 * @throws InvalidFields
 */
export function parsed<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const { success, data, error } = schema.safeParse(value);
  if (success) return data;
  throw new InvalidFields(error.issues);
}

function fieldErrors(issue: Issue, above: readonly PropertyKey[]): FieldError[] {
  const path = [...above, ...issue.path];
  if (issue.code === 'invalid_union') {
    // The branch that was meant is the one whose complaint is about something inside it.
    const meant = issue.errors.find(branch => branch.some(isInside));
    if (meant) return meant.flatMap(inner => fieldErrors(inner, path));
  }
  return [{ path: path.map(String).join('.') || 'body', message: issue.message.slice(0, maxMessageLength) }];
}

function isInside(issue: Issue): boolean {
  if (issue.path.length > 0) return true;
  if (issue.code === 'invalid_union') return issue.errors.some(branch => branch.some(isInside));
  return issue.code !== 'invalid_type';
}
