/** What a server's environment variables say, for the entry files. */
import { availableParallelism } from 'node:os';
import { VeneerError } from '../error.ts';
import { openStore } from '../store/open.ts';
import { parseWanted } from '../wanted.ts';
import type { ServerOptions } from './serve.ts';

export interface EnvironmentDefaults {
  /** Folder for the base's files where VENEER_CACHE_DIR is not set. */
  cacheDir: string;
}

/** @throws VeneerError `usage` naming the variable that cannot be right. */
export async function readEnvironment(
  env: Record<string, string | undefined>,
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
  };
}

function wholeNumber(
  env: Record<string, string | undefined>,
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
