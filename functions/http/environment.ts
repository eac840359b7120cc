/** What a server's environment variables say, for the entry files. */
import { availableParallelism } from 'node:os';
import { VeneerError } from '../error.ts';
import { openStore } from '../store/open.ts';
import { parseWanted } from '../wanted.ts';
import { defaultDrainMs } from './drain.ts';
import type { ServerOptions } from './serve.ts';

type Environment = Record<string, string | undefined>;

export interface EnvironmentDefaults {
  /** Folder for the base's files where VENEER_CACHE_DIR is not set. */
  cacheDir: string;
}

/** @throws VeneerError `usage` naming the variable that cannot be right. */
export async function readEnvironment(
  env: Environment,
  { cacheDir }: EnvironmentDefaults,
): Promise<ServerOptions> {
  return {
    store: await openStore(env.VENEER_STORE || 'file:.veneer'),
    baseName: env.VENEER_BASE || undefined,
    host: env.HOST || '127.0.0.1',
    port: wholeNumber(env, { name: 'PORT', fallback: 8787, min: 0, max: 65_535 }),
    cacheDir: env.VENEER_CACHE_DIR || cacheDir,
    workers: wholeNumber(env, { name: 'VENEER_WORKERS', fallback: availableParallelism(), min: 0, max: 256 }),
    prefetch: parseWanted(env.VENEER_PREFETCH ?? '', 'VENEER_PREFETCH'),
    ...readOperations(env),
  };
}

/** How a server is watched and stopped. */
function readOperations(env: Environment) {
  const port = env.VENEER_METRICS_PORT
    ? wholeNumber(env, { name: 'VENEER_METRICS_PORT', fallback: 0, min: 0, max: 65_535 })
    : undefined;
  return {
    metricsAddress: port === undefined ? undefined : { host: env.VENEER_METRICS_HOST || '127.0.0.1', port },
    metricsByTenant: oneOf(env, 'VENEER_METRICS_TENANTS', ['0', '1']) === '1',
    logRequests: oneOf(env, 'VENEER_LOG', ['info', 'error']) === 'info',
    drainDelayMs: wholeNumber(env, { name: 'VENEER_DRAIN_DELAY_MS', fallback: 1_000, min: 0, max: 600_000 }),
    drainMs: wholeNumber(env, { name: 'VENEER_DRAIN_MS', fallback: defaultDrainMs, min: 0, max: 600_000 }),
  };
}

/** The first where it is not set. */
function oneOf(env: Environment, name: string, values: readonly string[]): string {
  const value = env[name] || values[0]!;
  if (values.includes(value)) return value;
  throw new VeneerError('usage', `${name} is ${JSON.stringify(value)}: set ${values.join(' or ')}`);
}

function wholeNumber(
  env: Environment,
  { name, fallback, min, max }: { name: string; fallback: number; min: number; max: number },
): number {
  const text = env[name];
  if (!text) return fallback;
  const value = /^\d{1,6}$/.test(text) ? Number(text) : Number.NaN;
  if (value >= min && value <= max) return value;
  throw new VeneerError(
    'usage',
    `${name} is ${JSON.stringify(text)}: set a whole number from ${min} to ${max}`,
  );
}
