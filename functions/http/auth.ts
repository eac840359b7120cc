/** Bearer API keys. The key alone decides the tenant; a good key is believed for a while before the store is asked again. */
import { createMiddleware } from 'hono/factory';
import { sha256 } from '../artifacts/digest.ts';
import { findKey } from '../artifacts/keys.ts';
import type { ApiKeyRecord } from '../artifacts/manifests.ts';
import { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import type { RequestEnv } from './context.ts';

export type Scope = ApiKeyRecord['scopes'][number];

/** How long a revoked key may still work. */
const keyTtlMs = 30_000;
const maxKeys = 10_000;
const bearer = /^bearer +([^\s]+)$/i;

export interface Keyring {
  /** The record of a key that is good now. */
  find(key: string): Promise<ApiKeyRecord | undefined>;
}

export function openKeyring({ store, now }: { store: Store; now(): Date }): Keyring {
  // By digest: a key itself stays in memory no longer than its request.
  const good = new Map<string, { record: ApiKeyRecord; until: number }>();
  const asking = new Map<string, Promise<ApiKeyRecord | undefined>>();

  const ask = async (key: string, id: string): Promise<ApiKeyRecord | undefined> => {
    const record = await findKey(store, key, now());
    if (!record) return undefined;
    const expiresAt = record.expiresAt === null ? Number.POSITIVE_INFINITY : Date.parse(record.expiresAt);
    good.set(id, { record, until: Math.min(now().getTime() + keyTtlMs, expiresAt) });
    const [oldest] = good.keys();
    if (good.size > maxKeys && oldest !== undefined) good.delete(oldest);
    return record;
  };

  return {
    async find(key) {
      const id = sha256(key);
      const known = good.get(id);
      if (known && now().getTime() < known.until) return known.record;
      good.delete(id);
      let answer = asking.get(id);
      if (!answer) {
        answer = ask(key, id).finally(() => asking.delete(id));
        asking.set(id, answer);
      }
      return answer;
    },
  };
}

/** Lets a request pass whose key has the scope; `admin` has all of them. */
export function requireScope(keyring: Keyring, scope: Scope) {
  return createMiddleware<RequestEnv>(async (c, next) => {
    const key = bearer.exec(c.req.header('authorization') ?? '')?.[1];
    const { timed } = c.get('stopwatch');
    const record = key === undefined ? undefined : await timed('authenticate', () => keyring.find(key));
    // One message for no key, an unknown, an expired and a revoked one.
    if (!record)
      throw new VeneerError('unauthenticated', 'send a valid key as Authorization: Bearer vn_TENANT_SECRET');
    if (!record.scopes.includes(scope) && !record.scopes.includes('admin'))
      throw new VeneerError('forbidden', `this key lacks the scope ${scope}: use one that has it`);
    c.set('tenant', record.tenant);
    await next();
  });
}
