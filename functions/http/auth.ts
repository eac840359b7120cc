/**
 * Bearer credentials: an API key, or a token of the configured issuer. They alone decide the tenant, unless an admin acts
 * for another; a good one is believed for a while before the store or the signature is asked again.
 */
import { createMiddleware } from 'hono/factory';
import { sha256 } from '../artifacts/digest.ts';
import { findKey } from '../artifacts/keys.ts';
import type { Scope } from '../artifacts/manifests.ts';
import { TenantName } from '../artifacts/names.ts';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import type { RequestEnv } from './context.ts';
import { hasScope, type Identity } from './identity.ts';
import type { JwtVerifier } from './jwt.ts';
import { requestField } from './request-field.ts';

/** How long a revoked key may still work. By the monotonic clock: setting the machine's clock must not make it longer. */
const believedMs = 30_000;
const maxRemembered = 10_000;
const maxCredentialLength = 8_192;
const bearer = /^bearer +([^\s]+)$/i;

/** For admins: the tenant they act for. */
export const tenantHeader = 'x-veneer-tenant';

export interface Keyring {
  /** Whose credential it is, where it is good now. */
  find(credential: string): Promise<Identity | undefined>;
}

export interface KeyringOptions {
  store: Store;
  now(): Date;
  /** Of a clock that nobody sets. */
  uptimeMs(): number;
  /** Left out: API keys only. */
  jwt?: JwtVerifier | undefined;
}

export function openKeyring({ store, now, uptimeMs, jwt }: KeyringOptions): Keyring {
  // By digest: a credential itself stays in memory no longer than its request.
  const good = new Map<string, { identity: Identity; untilMs: number }>();
  const asking = new Map<string, Promise<Identity | undefined>>();

  const verified = async (credential: string, id: string): Promise<Identity | undefined> => {
    if (credential.includes('.')) return jwt?.verify(credential, now());
    const record = await findKey(store, credential, now());
    if (!record) return undefined;
    const { tenant, scopes, rate, expiresAt } = record;
    return {
      id,
      tenant,
      scopes,
      rate,
      expiresAtMs: expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(expiresAt),
    };
  };
  const ask = async (credential: string, id: string): Promise<Identity | undefined> => {
    const askedAtMs = uptimeMs();
    const identity = await verified(credential, id);
    if (!identity) return undefined;
    good.set(id, { identity, untilMs: askedAtMs + believedMs });
    const [oldest] = good.keys();
    if (good.size > maxRemembered && oldest !== undefined) good.delete(oldest);
    return identity;
  };

  return {
    find(credential) {
      if (credential.length > maxCredentialLength) return Promise.resolve(undefined);
      const id = sha256(credential);
      const known = good.get(id);
      if (known && uptimeMs() < known.untilMs && now().getTime() < known.identity.expiresAtMs)
        return Promise.resolve(known.identity);
      good.delete(id);
      let answer = asking.get(id);
      if (!answer) {
        answer = ask(credential, id).finally(() => asking.delete(id));
        asking.set(id, answer);
      }
      return answer;
    },
  };
}

/** Lets a request pass whose credential has the scope, or the one that its method and path need. */
export function requireScope(keyring: Keyring, scope: Scope | ((method: string, path: string) => Scope)) {
  return createMiddleware<RequestEnv>(async (c, next) => {
    const credential = bearer.exec(c.req.header('authorization') ?? '')?.[1];
    const { timed } = c.get('stopwatch');
    const identity =
      credential === undefined
        ? undefined
        : await timed.async('authenticate', () => keyring.find(credential));
    // One message for none, an unknown, an expired and a revoked one.
    if (!identity)
      throw new VeneerError('unauthenticated', 'send a valid key as Authorization: Bearer vn_TENANT_SECRET');
    const needed = typeof scope === 'string' ? scope : scope(c.req.method, c.req.path);
    if (!hasScope(identity, needed))
      throw new VeneerError('forbidden', `this key lacks the scope ${needed}: use one that has it`);
    c.set('identity', identity);
    c.set('tenant', actingFor(identity, requestField(c, tenantHeader)));
    await next();
  });
}

/** Adapters are changed with `push`; everything else that a tenant may do is `predict`. */
export function scopeOf(method: string, path: string): Scope {
  const changes = method === 'PUT' || method === 'DELETE';
  return changes && path.startsWith('/v1/adapters/') ? 'push' : 'predict';
}

function actingFor(identity: Identity, wanted: string | undefined): string {
  if (wanted === undefined || wanted === identity.tenant) return identity.tenant;
  // The same whether there is such a tenant or not.
  if (!identity.scopes.includes('admin'))
    throw new VeneerError(
      'forbidden',
      `only a key with the scope admin may send ${tenantHeader}: leave it out`,
    );
  const parsed = TenantName.safeParse(wanted);
  if (parsed.success) return parsed.data;
  throw new VeneerError('invalid_request', `${tenantHeader}: ${parsed.error.issues[0]?.message}`);
}
