/**
 * Reads a request's body up to a limit that holds whatever `content-length` says. A JSON body is checked to be UTF-8 and
 * to fit its schema. Any content type will do: there is nothing but JSON to send where JSON is read.
 */
import { isUtf8 } from 'node:buffer';
import type { z } from '@hono/zod-openapi';
import type { Context } from 'hono';
import { VeneerError } from '../error.ts';
import type { RequestEnv } from './context.ts';
import { parsed } from './issues.ts';
import { requestField } from './request-field.ts';

/** @throws VeneerError `invalid_json`, `payload_too_large`, or InvalidFields. */
export async function readJson<Schema extends z.ZodType>(
  c: Context<RequestEnv>,
  schema: Schema,
  maxBytes: number,
): Promise<z.output<Schema>> {
  const body = await readBody(c, maxBytes);
  if (!isUtf8(body)) throw new VeneerError('invalid_json', 'the body is not UTF-8: encode the JSON as UTF-8');
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch {
    throw new VeneerError('invalid_json', 'the body is not JSON: send an object with the field inputs');
  }
  return parsed(schema, value);
}

async function readBody(c: Context<RequestEnv>, maxBytes: number): Promise<Buffer> {
  const { raw } = c.req;
  const length = requestField(c, 'content-length');
  if (Number(length) > maxBytes) throw tooLarge(maxBytes);
  if (length === undefined) return readUpTo(raw.body, maxBytes);
  // As most come: read whole, without a stream, in a third of the time. Node's parser lets no more than the length pass.
  const body = Buffer.from(
    await raw.arrayBuffer().catch(cause => {
      throw brokenOff(cause);
    }),
  );
  if (body.length > maxBytes) throw tooLarge(maxBytes);
  return body;
}

/** A body as it comes, for what is not kept whole. */
export async function* pieces(stream: ReadableStream<Uint8Array> | null): AsyncGenerator<Uint8Array> {
  const reader = stream?.getReader();
  try {
    for (let read = await reader?.read(); read && !read.done; read = await reader?.read()) yield read.value;
  } catch (cause) {
    throw brokenOff(cause);
  } finally {
    // Not awaited: a client that keeps sending must not delay its answer.
    reader?.cancel().catch(() => {});
  }
}

export async function readUpTo(stream: ReadableStream<Uint8Array> | null, maxBytes: number) {
  const pieces: Uint8Array[] = [];
  let size = 0;
  const reader = stream?.getReader();
  const next = () =>
    reader?.read().catch(cause => {
      throw brokenOff(cause);
    });
  for (let read = await next(); read && !read.done; read = await next()) {
    size += read.value.length;
    if (size > maxBytes) {
      // Not awaited: a client that keeps sending must not delay its answer.
      reader?.cancel().catch(() => {});
      throw tooLarge(maxBytes);
    }
    pieces.push(read.value);
  }
  return Buffer.concat(pieces, size);
}

function brokenOff(cause: unknown): VeneerError {
  return new VeneerError('invalid_json', 'the body broke off: send all of it', { cause });
}

export function tooLarge(maxBytes: number): VeneerError {
  return new VeneerError('payload_too_large', `a body may have ${maxBytes} bytes: send less at once`);
}
