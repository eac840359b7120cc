import { describe, expect, it } from 'vitest';
import { readAccess } from '../../functions/http/access.ts';
import { defaultLimits } from '../../functions/http/services.ts';

const issuer = {
  VENEER_JWT_ISSUER: 'https://login.example',
  VENEER_JWT_AUDIENCE: 'veneer',
  VENEER_JWT_JWKS: 'https://login.example/.well-known/jwks.json',
};
const wrongUsage = (env: Record<string, string>) => {
  try {
    readAccess(env);
  } catch (error) {
    expect(error).toMatchObject({ code: 'usage' });
    return (error as Error).message;
  }
  throw new Error(`taken: ${JSON.stringify(env)}`);
};

describe('without variables', () => {
  it('there are caps, no rates and no issuer, and usage is written every half minute', () => {
    const { maxBodyBytes, maxInputs, maxTextLength, maxConcurrent, rate } = defaultLimits;
    expect(readAccess({})).toEqual({
      limits: { maxBodyBytes, maxInputs, maxTextLength, maxConcurrent, rate },
      rateLimits: 'memory',
      usageFlushMs: 30_000,
      jwt: undefined,
    });
  });
});

describe('a variable', () => {
  it('sets its limit, and an empty one none', () => {
    const { limits, usageFlushMs, rateLimits } = readAccess(
      {
        ...{ VENEER_MAX_BODY_BYTES: '5000000', VENEER_MAX_INPUTS: '8', VENEER_MAX_TEXT_LENGTH: '200' },
        ...{
          VENEER_MAX_CONCURRENT: '3',
          VENEER_RATE: '600',
          VENEER_TOKEN_RATE: '',
          VENEER_RATE_LIMITS: 'store',
        },
      },
      { usageFlushSeconds: 0 },
    );
    expect(limits).toEqual({
      ...{ maxBodyBytes: 5_000_000, maxInputs: 8, maxTextLength: 200, maxConcurrent: 3 },
      rate: { requestsPerMinute: 600, tokensPerMinute: null },
    });
    expect({ usageFlushMs, rateLimits }).toEqual({ usageFlushMs: 0, rateLimits: 'store' });
  });

  it('that cannot be right is named', () => {
    for (const name of ['VENEER_RATE', 'VENEER_TOKEN_RATE', 'VENEER_MAX_INPUTS', 'VENEER_MAX_CONCURRENT'])
      for (const text of ['0', '-1', '1.5', '1e3', 'many', '1000000000'])
        expect(wrongUsage({ [name]: text })).toMatch(new RegExp(`^${name} is "`));
    expect(wrongUsage({ VENEER_USAGE_FLUSH_SECONDS: '3601' })).toContain('from 0 to 3600');
    expect(wrongUsage({ VENEER_RATE_LIMITS: 'redis' })).toContain('set memory or store');
  });
});

describe('an issuer', () => {
  it('has a claim for the tenant, `tenant` if nothing is said', () => {
    expect(readAccess(issuer).jwt).toEqual({
      issuer: issuer.VENEER_JWT_ISSUER,
      audience: 'veneer',
      jwks: issuer.VENEER_JWT_JWKS,
      tenantClaim: 'tenant',
    });
    expect(readAccess({ ...issuer, VENEER_JWT_CLAIM: 'org' }).jwt?.tenantClaim).toBe('org');
  });

  it('is set whole or not at all, so that no token is taken that was meant for others', () => {
    for (const name of Object.keys(issuer)) expect(wrongUsage({ ...issuer, [name]: '' })).toContain(name);
  });

  it('has its keys behind https or in a file', () => {
    expect(wrongUsage({ ...issuer, VENEER_JWT_JWKS: 'http://login.example/jwks.json' })).toContain('https');
    expect(readAccess({ ...issuer, VENEER_JWT_JWKS: 'keys/jwks.json' }).jwt?.jwks).toBe('keys/jwks.json');
  });
});
