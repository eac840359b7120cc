/** A Node server around the app. It answers at once and opens the base in the background. */
import { type AddressInfo, isIPv6 } from 'node:net';
import { createAdaptorServer, type ServerType } from '@hono/node-server';
import { VeneerError } from '../error.ts';
import { createApp } from './app.ts';
import { onlyBase } from './base-name.ts';
import { logError } from './log.ts';
import { openServices, type ServicesOptions } from './services.ts';

export interface ServerOptions extends ServicesOptions {
  host: string;
  /** 0: any free port. */
  port: number;
}

export interface RunningServer {
  /** Such as `http://127.0.0.1:8787`. */
  url: string;
  /** Takes no more requests, lets those under way finish, and gives the base's memory back. */
  close(): Promise<void>;
}

/** After this, what is still under way is cut off. */
const graceMs = 10_000;

/** @throws VeneerError where the port is taken, or where it is not clear which base to serve. */
export async function startServer({ host, port, ...options }: ServerOptions): Promise<RunningServer> {
  const baseName = options.baseName ?? (await onlyBase(options.store));
  const services = openServices({ ...options, baseName });
  const server = createAdaptorServer({ fetch: createApp(services).fetch, overrideGlobalObjects: false });
  await listen(server, { host, port });
  services.base().catch(error => logError(error));
  const { port: actual } = server.address() as AddressInfo;
  return {
    url: `http://${isIPv6(host) ? `[${host}]` : host}:${actual}`,
    async close() {
      await stop(server);
      await services.close();
    },
  };
}

function listen(server: ServerType, { host, port }: { host: string; port: number }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'the port is taken: choose another' : `${error.code}`;
      reject(
        new VeneerError('unavailable', `cannot listen on ${host} port ${port}: ${why}`, { cause: error }),
      );
    });
    server.listen(port, host, resolve);
  });
}

async function stop(server: ServerType): Promise<void> {
  const closed = new Promise(resolve => server.close(resolve));
  const cut = setTimeout(() => 'closeAllConnections' in server && server.closeAllConnections(), graceMs);
  await closed;
  clearTimeout(cut);
}
