/** Takes the lines of a batch as they come, and writes them in parts: one part is in memory at a time. */
import { createHash } from 'node:crypto';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import { inputKey, type UploadPlace } from './document.ts';
import { type ItemRules, readItem } from './item.ts';
import type { BatchLimits } from './limits.ts';
import { readLines } from './lines.ts';

export interface Uploaded {
  /** Lines of each part. */
  parts: number[];
  /** SHA-256 of the body. */
  digest: string;
}

export interface UploadArguments extends UploadPlace {
  body: AsyncIterable<Uint8Array>;
  rules: ItemRules;
  limits: BatchLimits;
}

/** @throws VeneerError `payload_too_large`; `invalid_request` where there is no line. What it wrote by then stays. */
export async function uploadLines(
  store: Store,
  { body, rules, limits, ...place }: UploadArguments,
): Promise<Uploaded> {
  const hash = createHash('sha256');
  const parts: number[] = [];
  let [lines, bytes]: [string[], number] = [[], 0];
  let total = 0;
  const flush = async () => {
    await store.put(inputKey(place, parts.length), Buffer.from(lines.join('')), { absent: true });
    parts.push(lines.length);
    [lines, bytes] = [[], 0];
  };
  for await (const line of readLines(counted(body, hash, limits), limits.maxLineBytes)) {
    const item = readItem(line && total === 0 ? withoutMark(line) : line, rules);
    if (!item) continue;
    if (++total > limits.maxLines)
      throw new VeneerError(
        'payload_too_large',
        `a batch may have ${limits.maxLines} lines: make several of it`,
      );
    const text = `${JSON.stringify(item)}\n`;
    if (lines.length > 0 && bytes + text.length > limits.partBytes) await flush();
    lines.push(text);
    bytes += text.length;
    if (lines.length === limits.partLines) await flush();
  }
  if (lines.length > 0) await flush();
  if (parts.length === 0)
    throw new VeneerError('invalid_request', 'the batch has no lines: send {"inputs": ...} a line');
  return { parts, digest: hash.digest('hex') };
}

/** What `uploadLines` would give as the digest, without keeping anything. */
export async function digestOf(body: AsyncIterable<Uint8Array>, limits: BatchLimits): Promise<string> {
  const hash = createHash('sha256');
  for await (const _piece of counted(body, hash, limits));
  return hash.digest('hex');
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  hash: ReturnType<typeof createHash>,
  { maxBodyBytes }: BatchLimits,
): AsyncGenerator<Uint8Array> {
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > maxBodyBytes)
      throw new VeneerError(
        'payload_too_large',
        `a batch may have ${maxBodyBytes} bytes: make several of it`,
      );
    hash.update(piece);
    yield piece;
  }
}

/** Some editors write a byte order mark. */
function withoutMark(line: Uint8Array): Uint8Array {
  return line[0] === 0xef && line[1] === 0xbb && line[2] === 0xbf ? line.subarray(3) : line;
}
