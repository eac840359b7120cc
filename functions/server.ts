/** The entry of a Node server: environment variables in, a running server out. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { VeneerError } from './error.ts';
import { readEnvironment } from './http/environment.ts';
import { startServer } from './http/serve.ts';

const { env } = process;
try {
  const cacheDir = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'veneer');
  const server = await startServer(await readEnvironment(env, { cacheDir }));
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => void server.close());
  process.stdout.write(`${server.url}\n`);
} catch (error) {
  if (!(error instanceof VeneerError)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = error.exitCode;
}
