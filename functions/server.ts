/** The entry of a Node server: environment variables in, a running server out. */
import { homedir } from 'node:os';
import { join } from 'node:path';
import { VeneerError } from './error.ts';
import { readEnvironment } from './http/environment.ts';
import { startServer } from './http/serve.ts';

const { env } = process;

// CommonJS, as which this is packaged, has no `await` outside of functions.
async function serve(): Promise<void> {
  try {
    const cacheDir = join(env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'veneer');
    const server = await startServer(await readEnvironment(env, { cacheDir }));
    // Before the line that says it listens: whoever waits for it may signal at once.
    const closed = server.closeOnSignal();
    process.stdout.write(`${server.url}\n`);
    await closed;
    // Connections to the store that are kept open would hold the process.
    process.exit(0);
  } catch (error) {
    if (!(error instanceof VeneerError)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  }
}

void serve();
