/** Which version of an alias answers a request: a fixed share of request keys goes to the canary, always the same ones. */
import { createHash } from 'node:crypto';
import type { Alias } from './manifests.ts';

/**
 * Where a key lies in [0, 100): the first 48 bits of SHA-256 over the adapter's name and the key. A key that a small canary
 * answers is answered by a larger one as well, and each adapter splits its keys in a way of its own.
 */
export function percentileOf(name: string, requestKey: string): number {
  const hash = createHash('sha256').update(`${name}\n${requestKey}`).digest();
  return (hash.readUIntBE(0, 6) / 2 ** 48) * 100;
}

/** @param requestKey Left out: what the alias itself points to. */
export function answeringDigest(
  { digest, canary }: Pick<Alias, 'digest' | 'canary'>,
  name: string,
  requestKey: string | undefined,
): string {
  if (!canary || requestKey === undefined) return digest;
  return percentileOf(name, requestKey) < canary.percent ? canary.digest : digest;
}
