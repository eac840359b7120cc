/** Tokens are signed here by node:crypto, after RFC 7515 and 7518, not by the library that verifies them. */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest';
import { createApp } from '../../functions/http/app.ts';
import { checkLocation } from '../../functions/http/jwks.ts';
import { type JwtIssuer, openJwtVerifier } from '../../functions/http/jwt.ts';
import { posting, type Serving, serving } from './tenants.ts';

interface Signer {
  kid: string;
  alg: 'RS256' | 'ES256';
  privateKey: KeyObject;
  publicKey: KeyObject;
}

const rsa = (kid: string): Signer => ({
  kid,
  alg: 'RS256',
  ...generateKeyPairSync('rsa', { modulusLength: 2048 }),
});
const signers = {
  rsa: rsa('one'),
  ec: { kid: 'two', alg: 'ES256', ...generateKeyPairSync('ec', { namedCurve: 'P-256' }) } as Signer,
  stranger: rsa('one'),
};
const jwksOf = (...known: Signer[]) =>
  JSON.stringify({
    keys: known.map(({ kid, alg, publicKey }) => ({
      ...publicKey.export({ format: 'jwk' }),
      kid,
      alg,
      use: 'sig',
    })),
  });

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

function tokenOf(
  claims: object,
  { signer = signers.rsa, header = {} }: { signer?: Signer; header?: object } = {},
): string {
  const text = `${encode({ alg: signer.alg, typ: 'JWT', kid: signer.kid, ...header })}.${encode(claims)}`;
  const key = { key: signer.privateKey, dsaEncoding: 'ieee-p1363' as const };
  return `${text}.${sign('sha256', Buffer.from(text), key).toString('base64url')}`;
}

let folder: string;
let world: Serving;
let issuer: JwtIssuer;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-jwt-'));
  const jwks = join(folder, 'jwks.json');
  await writeFile(jwks, jwksOf(signers.rsa, signers.ec));
  issuer = { issuer: 'https://login.example', audience: 'veneer', jwks, tenantClaim: 'org' };
  world = await serving();
});
afterAll(async () => {
  await world.remove();
  await rm(folder, { recursive: true });
});

let app: Serving['app'];
beforeEach(() => {
  const { uptimeMs } = world.services;
  app = createApp({ ...world.services, jwt: openJwtVerifier({ ...issuer, uptimeMs }) });
});
afterEach(() => {
  vi.restoreAllMocks();
});

const seconds = () => Math.floor(world.clock.now.getTime() / 1000);
const claims = (changes: object = {}) => ({
  iss: 'https://login.example',
  aud: 'veneer',
  sub: 'user-7',
  org: 'acme',
  scope: 'openid predict',
  iat: seconds(),
  exp: seconds() + 600,
  ...changes,
});

const good = { model: 'support', inputs: 'my card' };
const asking = (token: string, to = app) => to.request('/v1/classification', posting(token, good));
const statusOf = async (token: string) => (await asking(token)).status;

describe('a token of the issuer', () => {
  it('decides the tenant by its claim, signed by RSA or by ECDSA', async () => {
    for (const signer of [signers.rsa, signers.ec]) {
      expect(await statusOf(tokenOf(claims(), { signer }))).toBe(200);
      expect(await statusOf(tokenOf(claims({ org: 'bolt' }), { signer }))).toBe(404);
    }
  });

  it('may have one audience or a list, and the type of RFC 9068 or none', async () => {
    expect(await statusOf(tokenOf(claims({ aud: ['other', 'veneer'] })))).toBe(200);
    expect(await statusOf(tokenOf(claims(), { header: { typ: 'at+jwt' } }))).toBe(200);
    expect(await statusOf(tokenOf(claims(), { header: { typ: undefined } }))).toBe(200);
    expect(await statusOf(tokenOf(claims(), { header: { typ: 'id+jwt' } }))).toBe(401);
  });

  it('has the scopes that its claim names, and no others', async () => {
    for (const scope of ['', 'openid', 'predictions', 'push', undefined, ['predict'], 7])
      expect(await statusOf(tokenOf(claims({ scope })))).toBe(403);
    const headers = (scope: string) => ({
      headers: { authorization: `Bearer ${tokenOf(claims({ scope }))}`, 'x-veneer-tenant': 'bolt' },
    });
    expect((await app.request('/v1/adapters', headers('predict push'))).status).toBe(403);
    const response = await app.request('/v1/adapters', headers('admin'));
    expect(await response.json()).toMatchObject({ adapters: [{ name: 'other' }] });
  });

  it('is not good before its time or after it, give or take half a minute', async () => {
    const cases: [object, number][] = [
      [{ exp: seconds() - 29 }, 200],
      [{ exp: seconds() - 31 }, 401],
      [{ nbf: seconds() + 29 }, 200],
      [{ nbf: seconds() + 31 }, 401],
      [{ iat: seconds() + 29 }, 200],
      [{ iat: seconds() + 3600, exp: seconds() + 7200 }, 401],
    ];
    for (const [changes, status] of cases)
      expect([changes, await statusOf(tokenOf(claims(changes)))]).toEqual([changes, status]);
  });

  it('ends when it ends, also where it is remembered', async () => {
    const { now } = world.clock;
    const token = tokenOf(claims({ exp: seconds() + 5 }));
    expect(await statusOf(token)).toBe(200);
    world.clock.now = new Date(1000 * (seconds() + 5 + 30));
    expect(await statusOf(token)).toBe(401);
    world.clock.now = now;
  });

  it('is refused where a claim is missing or is not what it must be', async () => {
    const wrong: object[] = [
      ...['iss', 'aud', 'exp', 'org'].map(name => ({ [name]: undefined })),
      { iss: 'https://login.example/' },
      { iss: 'https://other.example' },
      { aud: 'veneer2' },
      { aud: ['other'] },
      { aud: [] },
      ...['never', null, true, {}].map(exp => ({ exp })),
      { nbf: 'now' },
      { iat: {} },
      ...['', 'ACME', '../acme', 'acme/keys', 'a'.repeat(64), 7, ['acme'], { name: 'acme' }].map(org => ({
        org,
      })),
    ];
    for (const changes of wrong)
      expect([changes, await statusOf(tokenOf(claims(changes)))]).toEqual([changes, 401]);
  });

  it('is refused where its signature is not by a published key with an algorithm we take', async () => {
    const token = tokenOf(claims());
    const [header, payload, signature] = token.split('.');
    const forged = [
      tokenOf(claims(), { signer: signers.stranger }),
      tokenOf(claims(), { header: { kid: 'three' } }),
      tokenOf(claims(), { header: { kid: undefined } }),
      tokenOf(claims(), { header: { kid: { one: 1 } } }),
      tokenOf(claims(), { header: { alg: 'none' } }),
      tokenOf(claims(), { header: { alg: 'HS256' } }),
      tokenOf(claims(), { header: { alg: 'ES256' } }),
      tokenOf(claims(), { header: { alg: 'RS512' } }),
      tokenOf(claims(), { header: { crit: ['b64'] } }),
      `${header}.${payload}.`,
      `${header}.${payload}`,
      `${header}.${encode(claims({ org: 'bolt' }))}.${signature}`,
      `${encode({ alg: 'none', kid: 'one' })}.${payload}.`,
      `${token}.${signature}`,
      '..',
      'a.b.c',
      `${'x'.repeat(9000)}.a.b`,
    ];
    for (const each of forged) expect([each, await statusOf(each)]).toEqual([each, 401]);
  });

  it('is refused by a server that has no issuer', async () => {
    expect((await asking(tokenOf(claims()), world.app)).status).toBe(401);
  });

  it('has limits of its own, by its subject', async () => {
    const limits = { ...world.services.limits, rate: { requestsPerMinute: 1, tokensPerMinute: null } };
    const { uptimeMs } = world.services;
    const limited = createApp({ ...world.services, limits, jwt: openJwtVerifier({ ...issuer, uptimeMs }) });
    expect((await asking(tokenOf(claims({ sub: 'limited' })), limited)).status).toBe(200);
    expect((await asking(tokenOf(claims({ sub: 'limited', exp: seconds() + 60 })), limited)).status).toBe(
      429,
    );
    expect((await asking(tokenOf(claims({ sub: 'another' })), limited)).status).toBe(200);
  });
});

describe('the keys of the issuer, from a URL', () => {
  let server: Server;
  let answers: () => { status: number; body: string };
  let asked = 0;
  let uptimeMs = 0;
  let verify: (token: string) => Promise<string | undefined>;
  beforeEach(async () => {
    [asked, uptimeMs] = [0, 0];
    answers = () => ({ status: 200, body: jwksOf(signers.rsa) });
    server = createServer((_, response) => {
      asked++;
      const { status, body } = answers();
      response.writeHead(status).end(body);
    });
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const jwks = `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks.json`;
    const verifier = openJwtVerifier({ ...issuer, jwks, uptimeMs: () => uptimeMs });
    verify = async token => (await verifier.verify(token, world.clock.now))?.tenant;
  });
  afterEach(() => new Promise(resolve => server.close(resolve)));

  it('are read once for many tokens, and again after five minutes', async () => {
    const tokens = [1, 2, 3, 4].map(n => tokenOf(claims({ sub: String(n) })));
    expect(await Promise.all(tokens.map(verify))).toEqual(['acme', 'acme', 'acme', 'acme']);
    uptimeMs = 5 * 60_000 - 1;
    expect(await verify(tokens[0]!)).toBe('acme');
    expect(asked).toBe(1);
    uptimeMs += 1;
    answers = () => ({ status: 200, body: jwksOf(signers.ec) });
    expect(await verify(tokens[0]!)).toBeUndefined();
    expect(asked).toBe(2);
  });

  it('are read again for a key that is new, but not for every made-up one', async () => {
    expect(await verify(tokenOf(claims()))).toBe('acme');
    answers = () => ({ status: 200, body: jwksOf(signers.rsa, signers.ec) });
    uptimeMs = 10_000;
    expect(await verify(tokenOf(claims(), { signer: signers.ec }))).toBe('acme');
    for (let i = 0; i < 20; i++)
      expect(await verify(tokenOf(claims(), { header: { kid: `made-up-${i}` } }))).toBeUndefined();
    expect(asked).toBe(2);
  });

  it('are believed for an hour while the issuer cannot be asked', async () => {
    const token = tokenOf(claims({ exp: seconds() + 7200 }));
    expect(await verify(token)).toBe('acme');
    answers = () => ({ status: 500, body: '' });
    uptimeMs = 59 * 60_000;
    expect(await verify(token)).toBe('acme');
    uptimeMs = 60 * 60_000;
    await expect(verify(token)).rejects.toMatchObject({ code: 'unavailable' });
  });

  it.each([
    ['an error', { status: 404, body: jwksOf(signers.rsa) }],
    ['no JSON', { status: 200, body: '<html>' }],
    ['no keys', { status: 200, body: '{"keys": 7}' }],
  ])('that are %s are 503, and are asked for again later', async (_, wrong) => {
    answers = () => wrong;
    await expect(verify(tokenOf(claims()))).rejects.toMatchObject({ code: 'unavailable', status: 503 });
    await expect(verify(tokenOf(claims()))).rejects.toMatchObject({ code: 'unavailable' });
    expect(asked).toBe(1);
    answers = () => ({ status: 200, body: jwksOf(signers.rsa) });
    uptimeMs = 10_000;
    expect(await verify(tokenOf(claims()))).toBe('acme');
  });

  it('come by https, from this machine, or from a file', () => {
    for (const fine of ['https://login.example/keys', 'http://localhost:80/keys', 'keys/jwks.json'])
      expect(checkLocation(fine)).toBe(fine);
    for (const wrong of ['http://login.example/keys', 'ftp://login.example/keys', 'HTTP://login.example/'])
      expect(() => checkLocation(wrong)).toThrow('https');
  });
});
