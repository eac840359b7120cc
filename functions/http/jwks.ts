/**
 * An issuer's public keys (JWKS, RFC 7517), from a URL or a file, kept for a while. A key id that is not among them is
 * looked up at once, since issuers rotate keys; while they cannot be read, the old ones are believed for a time.
 */
import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import { VeneerError } from '../error.ts';

const KeySet = z.object({
  keys: z.array(z.looseObject({ kty: z.string(), kid: z.string().optional() })).max(100),
});
export type PublicKey = z.infer<typeof KeySet>['keys'][number];

export interface PublicKeys {
  /** The keys known now, read again where they are old or `kid` is none of them. @throws VeneerError `unavailable`. */
  for(kid: string): Promise<PublicKey[]>;
}

const ttlMs = 5 * 60_000;
/** At most one look-up in this time, so that tokens with made-up key ids ask nobody. */
const pauseMs = 10_000;
const staleMs = 60 * 60_000;
const timeoutMs = 5_000;

/** @param location An https URL (http on this machine), or the path of a file. */
export function openPublicKeys({ location, uptimeMs }: { location: string; uptimeMs(): number }): PublicKeys {
  let known: { keys: PublicKey[]; atMs: number } | undefined;
  let askedAtMs = Number.NEGATIVE_INFINITY;
  let asking: Promise<void> | undefined;
  let failure: unknown;

  const refresh = async () => {
    askedAtMs = uptimeMs();
    try {
      known = { keys: KeySet.parse(JSON.parse(await readText(location))).keys, atMs: uptimeMs() };
    } catch (cause) {
      failure = cause;
    }
  };

  return {
    async for(kid) {
      const has = () => known?.keys.some(key => key.kid === kid);
      const old = !known || uptimeMs() - known.atMs >= ttlMs;
      if ((old || !has()) && (asking || uptimeMs() - askedAtMs >= pauseMs)) {
        asking ??= refresh().finally(() => {
          asking = undefined;
        });
        await asking;
      }
      if (known && uptimeMs() - known.atMs < staleMs) return known.keys;
      throw new VeneerError('unavailable', `the keys of the issuer cannot be read from ${location}`, {
        cause: failure,
      });
    },
  };
}

async function readText(location: string): Promise<string> {
  if (!/^https?:/.test(location)) return readFile(location, 'utf8');
  const response = await fetch(location, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' });
  if (!response.ok) throw new VeneerError('unavailable', `${location} answered ${response.status}`);
  return response.text();
}

/** @throws VeneerError `usage` where keys would come over the network unprotected. */
export function checkLocation(location: string): string {
  if (!/^[a-z][a-z0-9+.-]*:\/\//i.test(location)) return location;
  const { protocol, hostname } = new URL(location);
  const here = ['localhost', '127.0.0.1', '[::1]'].includes(hostname);
  if (protocol === 'https:' || (protocol === 'http:' && here)) return location;
  throw new VeneerError('usage', `${JSON.stringify(location)}: public keys come from an https URL or a file`);
}
