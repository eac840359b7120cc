/**
 * Tokens of a configured issuer (JWT, RFC 7519): signed by one of its published keys, meant for us, valid now. A claim
 * names the tenant, `scope` what is allowed.
 */
import { decode, verifyWithJwks } from 'hono/jwt';
import { sha256 } from '../artifacts/digest.ts';
import { scopes } from '../artifacts/manifests.ts';
import { TenantName } from '../artifacts/names.ts';
import type { Identity } from './identity.ts';
import { openPublicKeys } from './jwks.ts';

export interface JwtIssuer {
  /** What `iss` must be, to the letter. */
  issuer: string;
  /** What `aud` must be, or have in its list. */
  audience: string;
  /** Where the public keys are: a URL or the path of a file. */
  jwks: string;
  /** The claim that names the tenant. */
  tenantClaim: string;
}

/** Asymmetric ones alone: a public key must never serve as a shared secret. */
const algorithms = ['RS256', 'ES256'] as const;
/** How far the issuer's clock may be from ours. */
const leewaySeconds = 30;
/** Access tokens by RFC 9068 have a type of their own. */
const types = ['JWT', 'at+jwt'];

export interface JwtVerifier {
  /** Undefined for every token that is not good now. @throws VeneerError `unavailable` where the issuer's keys are. */
  verify(token: string, now: Date): Promise<Identity | undefined>;
}

export function openJwtVerifier({ uptimeMs, ...issuer }: JwtIssuer & { uptimeMs(): number }): JwtVerifier {
  const published = openPublicKeys({ location: issuer.jwks, uptimeMs });
  return {
    async verify(token, now) {
      const header = headerOf(token);
      if (!header?.kid) return undefined;
      const keys = await published.for(header.kid);
      const payload = await verifyWithJwks(token, {
        keys,
        allowedAlgorithms: algorithms,
        verification: {
          iss: issuer.issuer,
          aud: issuer.audience,
          ...(header.typ === undefined ? {} : { typ: types }),
          // Below, with a leeway and by our clock.
          ...{ exp: false, nbf: false, iat: false },
        },
      }).catch(() => undefined);
      return payload && identityOf(payload, { issuer, now });
    },
  };
}

function headerOf(token: string) {
  try {
    const { kid, typ } = decode(token).header;
    return { kid: typeof kid === 'string' ? kid : undefined, typ };
  } catch {
    return undefined;
  }
}

function identityOf(
  claims: Record<string, unknown>,
  { issuer, now }: { issuer: JwtIssuer; now: Date },
): Identity | undefined {
  const seconds = now.getTime() / 1000;
  const { exp, nbf = 0, iat = 0, sub = '', scope = '' } = claims;
  for (const time of [exp, nbf, iat])
    if (typeof time !== 'number' || !Number.isFinite(time)) return undefined;
  const [end, start] = [exp as number, Math.max(nbf as number, iat as number)];
  if (end + leewaySeconds <= seconds || start - leewaySeconds > seconds) return undefined;
  const claim = Object.hasOwn(claims, issuer.tenantClaim) ? claims[issuer.tenantClaim] : undefined;
  const tenant = TenantName.safeParse(claim).data;
  if (tenant === undefined) return undefined;
  const granted = typeof scope === 'string' ? scope.split(' ') : [];
  return {
    id: sha256(JSON.stringify([issuer.issuer, tenant, sub])),
    tenant,
    scopes: scopes.filter(each => granted.includes(each)),
    expiresAtMs: (end + leewaySeconds) * 1000,
  };
}
