/** Who asks, past all checks: from an API key or from a token of the issuer. */
import type { Rate, Scope } from '../artifacts/manifests.ts';

export interface Identity {
  /** SHA-256 that names the key, or the issuer's subject; limits are counted under it. */
  id: string;
  tenant: string;
  scopes: readonly Scope[];
  /** Milliseconds since 1970; infinite for a key that never expires. */
  expiresAtMs: number;
  /** Left out: what the server gives to everyone. */
  rate?: Rate | undefined;
}

/** `admin` has all scopes. */
export function hasScope({ scopes }: Identity, scope: Scope): boolean {
  return scopes.includes(scope) || scopes.includes('admin');
}
