/** What environment variables say of who may ask for how much: limits, rates, the issuer of tokens, and usage. */
import { VeneerError } from '../error.ts';
import { checkLocation } from './jwks.ts';
import type { JwtIssuer } from './jwt.ts';
import { defaultLimits, type Limits, type ServicesOptions } from './services.ts';

export type Environment = Record<string, string | undefined>;

export type Access = Pick<ServicesOptions, 'limits' | 'rateLimits' | 'usageFlushMs' | 'jwt'>;

/** @throws VeneerError `usage` naming the variable that cannot be right. */
export function readAccess(
  env: Environment,
  { usageFlushSeconds = 30 }: { usageFlushSeconds?: number | undefined } = {},
): Access {
  const name = 'VENEER_USAGE_FLUSH_SECONDS';
  const flushSeconds = wholeNumber(env, { name, fallback: usageFlushSeconds, min: 0, max: 3600 });
  return {
    limits: limitsOf(env),
    rateLimits: oneOf(env, 'VENEER_RATE_LIMITS', ['memory', 'store']),
    usageFlushMs: flushSeconds * 1000,
    jwt: jwtIssuer(env),
  };
}

function limitsOf(env: Environment): Partial<Limits> {
  const cap = (name: string, fallback: number) =>
    wholeNumber(env, { name, fallback, min: 1, max: 999_999_999 });
  const rate = (name: string) => (env[name] ? cap(name, 1) : null);
  return {
    maxBodyBytes: cap('VENEER_MAX_BODY_BYTES', defaultLimits.maxBodyBytes),
    maxInputs: cap('VENEER_MAX_INPUTS', defaultLimits.maxInputs),
    maxTextLength: cap('VENEER_MAX_TEXT_LENGTH', defaultLimits.maxTextLength),
    maxConcurrent: cap('VENEER_MAX_CONCURRENT', defaultLimits.maxConcurrent),
    rate: { requestsPerMinute: rate('VENEER_RATE'), tokensPerMinute: rate('VENEER_TOKEN_RATE') },
  };
}

/** All or none: a token that names no audience could be one that was given to somebody else. */
function jwtIssuer(env: Environment): JwtIssuer | undefined {
  const needed = ['VENEER_JWT_ISSUER', 'VENEER_JWT_AUDIENCE', 'VENEER_JWT_JWKS'] as const;
  const [issuer, audience, jwks] = needed.map(name => env[name] || undefined);
  if (issuer && audience && jwks)
    return { issuer, audience, jwks: checkLocation(jwks), tenantClaim: env.VENEER_JWT_CLAIM || 'tenant' };
  const lacking = needed.filter(name => !env[name]);
  if (lacking.length === needed.length) return undefined;
  throw new VeneerError('usage', `${lacking.join(' and ')} must be set too, to take tokens of an issuer`);
}

export function wholeNumber(
  env: Environment,
  { name, fallback, min, max }: { name: string; fallback: number; min: number; max: number },
): number {
  const text = env[name];
  if (!text) return fallback;
  const value = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new VeneerError(
    'usage',
    `${name} is ${JSON.stringify(text)}: set a whole number from ${min} to ${max}`,
  );
}

/** The first where it is not set. */
export function oneOf<const Choice extends string>(
  env: Environment,
  name: string,
  choices: readonly [Choice, ...Choice[]],
): Choice {
  const text = env[name] || choices[0];
  const chosen = choices.find(choice => choice === text);
  if (chosen !== undefined) return chosen;
  throw new VeneerError('usage', `${name} is ${JSON.stringify(text)}: set ${choices.join(' or ')}`);
}
