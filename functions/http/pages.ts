/** Pages for people, and the files that they load: with a policy under which nothing runs or is loaded that is not ours. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import type { Context, Hono } from 'hono';
import { sha256 } from '../artifacts/digest.ts';
import type { RequestEnv } from './context.ts';

export interface ServedFile {
  type: string;
  read(): Promise<Uint8Array | string>;
  /** Directives of the Content-Security-Policy besides those of every page. */
  policy?: readonly string[];
}

const everywhere = [
  "default-src 'none'",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
];

/** Serves a file at a path. It is read and compressed at its first request and kept, which is for a few files of ours. */
export function addFile(app: Hono<RequestEnv>, path: string, { type, read, policy = [] }: ServedFile): void {
  let prepared: ReturnType<typeof prepare> | undefined;
  const prepare = async () => {
    const plain = Buffer.from(await read());
    return { plain, zipped: await promisify(gzip)(plain), etag: `"${sha256(plain).slice(0, 32)}"` };
  };
  app.get(path, async c => {
    prepared ??= prepare();
    const { plain, zipped, etag } = await prepared.catch(error => {
      prepared = undefined;
      throw error;
    });
    c.header('content-security-policy', [...everywhere, ...policy].join('; '));
    c.header('x-content-type-options', 'nosniff');
    c.header('referrer-policy', 'no-referrer');
    // Asked for again each time, which costs a 304: a page must never meet a script of another version.
    c.header('cache-control', 'no-cache');
    c.header('etag', etag);
    c.header('vary', 'accept-encoding');
    if (isKnown(c, etag)) return c.body(null, 304);
    c.header('content-type', type);
    const zip = /\bgzip\b/.test(c.req.header('accept-encoding') ?? '');
    if (zip) c.header('content-encoding', 'gzip');
    return c.body(new Uint8Array(zip ? zipped : plain));
  });
}

function isKnown(c: Context, etag: string): boolean {
  const known = c.req.header('if-none-match')?.split(',') ?? [];
  return known.some(each => each.trim().replace(/^W\//, '') === etag);
}
