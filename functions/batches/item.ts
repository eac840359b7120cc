/** A line of a batch: what it asks, or why it cannot be asked, which then stands in the place of its answer. */
import { isUtf8 } from 'node:buffer';
import { VeneerError } from '../error.ts';
import type { Line } from './lines.ts';

export interface Asked {
  /** One input as the task takes it. */
  inputs: unknown;
  parameters?: unknown;
}

/** In the place of an answer. */
export interface Refusal {
  error: { code: string; message: string };
  /** What the HTTP status would be of this line alone. */
  status: number;
}

/** `id` is the caller's. */
export type Item = { id: string | null } & (Asked | { refused: Refusal });

export interface ItemRules {
  maxLineBytes: number;
  /** @throws VeneerError where the task cannot take it. */
  check(asked: Asked): void;
  refusal(error: VeneerError): Refusal;
}

const fields = ['id', 'inputs', 'parameters'];
const maxIdLength = 256;

/** Undefined for a line without text, which is passed over. */
export function readItem(line: Line, { maxLineBytes, check, refusal }: ItemRules): Item | undefined {
  let id: string | null = null;
  try {
    if (!line) throw new VeneerError('payload_too_large', `a line may have ${maxLineBytes} bytes`);
    if (!isUtf8(line)) throw new VeneerError('invalid_json', 'the line is not UTF-8');
    const text = Buffer.from(line.buffer, line.byteOffset, line.length).toString('utf8').trim();
    if (text === '') return undefined;
    const object = parsed(text);
    id = idOf(object);
    const asked = askedBy(object);
    check(asked);
    return { id, ...asked };
  } catch (error) {
    if (!(error instanceof VeneerError)) throw error;
    return { id, refused: refusal(error) };
  }
}

function parsed(text: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new VeneerError('invalid_json', 'the line is not JSON');
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value))
    return value as Record<string, unknown>;
  throw new VeneerError('invalid_request', 'the line is not an object: write {"inputs": ...}');
}

function idOf({ id }: Record<string, unknown>): string | null {
  if (id === undefined || id === null) return null;
  if (typeof id === 'string' && id.length <= maxIdLength) return id;
  throw new VeneerError('invalid_request', `id: expected a string of at most ${maxIdLength} characters`);
}

function askedBy(object: Record<string, unknown>): Asked {
  const unknown = Object.keys(object).find(field => !fields.includes(field));
  if (unknown !== undefined)
    throw new VeneerError(
      'invalid_request',
      `${JSON.stringify(unknown.slice(0, 80))}: no field of a line: it has id, inputs and parameters`,
    );
  if (!Object.hasOwn(object, 'inputs')) throw new VeneerError('invalid_request', 'inputs: required');
  const { inputs, parameters } = object;
  if (Array.isArray(inputs))
    throw new VeneerError('invalid_request', 'inputs: expected one input: write a line for each');
  return parameters === undefined ? { inputs } : { inputs, parameters };
}
