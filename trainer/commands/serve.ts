/** `serve`: the HTTP API on this machine. */
import { type Command, Option } from 'commander';
import { readBase } from '../../functions/artifacts/bases.ts';
import { parseWanted, type WantedAdapter } from '../../functions/wanted.ts';
import {
  cacheDir,
  defaultThreads,
  openSharedStore,
  outputOf,
  type SharedOptions,
  shared,
  whole,
} from './command.ts';

interface Flags extends SharedOptions {
  base?: string;
  host: string;
  port: number;
  threads: number;
  prefetch: WantedAdapter[];
  metricsPort?: number;
  log: 'info' | 'error';
}

export function serveCommand(program: Command): void {
  shared(program.command('serve'))
    .description('serve the store’s adapters over HTTP')
    .option('--base <name>', 'base to serve; the only one in the store, if left out')
    .option('--host <host>', 'address to listen on', '127.0.0.1')
    .option('--port <port>', 'port to listen on; 0 takes a free one', whole(0, 65_535), 8787)
    .option('--threads <n>', 'worker threads that compute; one batch each', whole(1, 256), defaultThreads)
    .option(
      '--prefetch <list>',
      'adapters to load before it is ready: tenant/name,tenant/name@alias',
      text => parseWanted(text, '--prefetch'),
      [],
    )
    .option('--metrics-port <port>', 'port on 127.0.0.1 for /metrics without a key', whole(0, 65_535))
    .addOption(
      new Option('--log <level>', 'what goes to stderr: each request, or only what is our fault')
        .choices(['info', 'error'])
        .default('error'),
    )
    .action(async (flags: Flags) => {
      const output = outputOf(flags);
      const store = await openSharedStore(flags);
      const { base, host, port, threads, prefetch, metricsPort, log } = flags;
      if (base !== undefined) await readBase(store, base);
      // Only here: the other commands start a third faster without the HTTP surface.
      const { startServer } = await import('../../functions/http/serve.ts');
      const { readAccess } = await import('../../functions/http/access.ts');
      const server = await startServer({
        store,
        host,
        port,
        workers: threads,
        ...readAccess(process.env),
        cacheDir,
        prefetch,
        logRequests: log === 'info',
        metricsAddress: metricsPort === undefined ? undefined : { host: '127.0.0.1', port: metricsPort },
        ...(base === undefined ? {} : { baseName: base }),
      });
      // Before the line that says it listens: whoever waits for it may signal at once.
      const closed = server.closeOnSignal();
      const { url, metricsUrl } = server;
      output.result(
        { url, ...(metricsUrl === undefined ? {} : { metricsUrl }) },
        `listening on ${url}${metricsUrl === undefined ? '' : `, metrics on ${metricsUrl}/metrics`}`,
      );
      await closed;
    });
}
