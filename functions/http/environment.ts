/** What a server's environment variables say, for the entry files. */
import { availableParallelism } from 'node:os';
import { openStore } from '../store/open.ts';
import { parseWanted } from '../wanted.ts';
import { type Environment, oneOf, readAccess, wholeNumber } from './access.ts';
import { defaultDrainMs } from './drain.ts';
import type { ServerOptions } from './serve.ts';

export interface EnvironmentDefaults {
  /** Folder for the base's files where VENEER_CACHE_DIR is not set. */
  cacheDir: string;
  /** Seconds between writes of usage where VENEER_USAGE_FLUSH_SECONDS is not set. */
  usageFlushSeconds?: number;
}

/** @throws VeneerError `usage` naming the variable that cannot be right. */
export async function readEnvironment(
  env: Environment,
  { cacheDir, usageFlushSeconds }: EnvironmentDefaults,
): Promise<ServerOptions> {
  return {
    store: await openStore(env.VENEER_STORE || 'file:.veneer'),
    baseName: env.VENEER_BASE || undefined,
    host: env.HOST || '127.0.0.1',
    port: wholeNumber(env, { name: 'PORT', fallback: 8787, min: 0, max: 65_535 }),
    cacheDir: env.VENEER_CACHE_DIR || cacheDir,
    workers: wholeNumber(env, { name: 'VENEER_WORKERS', fallback: availableParallelism(), min: 0, max: 256 }),
    prefetch: parseWanted(env.VENEER_PREFETCH ?? '', 'VENEER_PREFETCH'),
    ...readAccess(env, { usageFlushSeconds }),
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
