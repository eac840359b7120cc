/** A Node server around the app. It answers at once and opens the base in the background. */
import type { Server } from 'node:http';
import { type AddressInfo, isIPv6 } from 'node:net';
import { setFlagsFromString } from 'node:v8';
import { createAdaptorServer } from '@hono/node-server';
import { startBatchWorker } from '../batches/worker.ts';
import { VeneerError } from '../error.ts';
import { heapGrowth } from '../heap-growth.ts';
import { openMetrics } from '../metrics.ts';
import { createApp } from './app.ts';
import { onlyBase } from './base-name.ts';
import { batchWork } from './batch-work.ts';
import { closeOnSignal, defaultDrainMs, openDrain } from './drain.ts';
import { logError } from './log.ts';
import { metricsApp } from './metrics.ts';
import { openServices, type ServicesOptions } from './services.ts';

interface Address {
  host: string;
  /** 0: any free port. */
  port: number;
}

export interface ServerOptions extends Omit<ServicesOptions, 'metrics'>, Address {
  /** Where /metrics is there without a key, besides the server itself, which asks for an admin's. */
  metricsAddress?: Address | undefined;
  /** Whether metrics tell tenants apart. */
  metricsByTenant?: boolean | undefined;
  /** How long it says that it is not ready before it takes no more requests. */
  drainDelayMs?: number | undefined;
  /** How long requests under way may take then. */
  drainMs?: number | undefined;
}

export interface RunningServer {
  /** Such as `http://127.0.0.1:8787`. */
  url: string;
  /** Of the listener for metrics, where there is one. */
  metricsUrl: string | undefined;
  /** Takes no more requests, lets those under way finish, and gives the base's memory back. */
  close(): Promise<void>;
  /** Resolves when SIGTERM or SIGINT has closed it; a second signal ends the process at once. */
  closeOnSignal(): Promise<void>;
}

/** @throws VeneerError where a port is taken, or where it is not clear which base to serve. */
export async function startServer(options: ServerOptions): Promise<RunningServer> {
  const { metricsAddress, metricsByTenant = false, drainDelayMs = 0, drainMs = defaultDrainMs } = options;
  const baseName = options.baseName ?? (await onlyBase(options.store));
  const metrics = openMetrics({ byTenant: metricsByTenant });
  const services = openServices({ ...options, baseName, metrics });
  const ready = () => !drain.begun() && services.ready();
  const worker = startBatchWorker(batchWork(services));
  const server = serverOf(createApp({ ...services, ready, batches: { wake: worker.wake } }));
  const drain = openDrain(server, { delayMs: drainDelayMs, graceMs: drainMs });
  const metricsServer = metricsAddress && serverOf(metricsApp(metrics));

  const stop = async () => {
    const [cut] = await Promise.all([drain.run(), worker.close()]);
    if (cut > 0) logError(new VeneerError('unavailable', `${cut} requests were cut off after ${drainMs} ms`));
    await services.close();
    // Last, so that the end can be watched.
    metricsServer?.close();
    metricsServer?.closeAllConnections();
  };
  let stopped: Promise<void> | undefined;
  const close = () => {
    stopped ??= stop();
    return stopped;
  };
  try {
    const url = await listen(server, options);
    const metricsUrl = metricsServer && (await listen(metricsServer, metricsAddress));
    services.base().catch(error => logError(error));
    setFlagsFromString(heapGrowth.ofServer);
    return { url, metricsUrl, close, closeOnSignal: () => closeOnSignal(close) };
  } catch (error) {
    await close();
    throw error;
  }
}

/** This makes the process's Request and Response the server's own, which cost half of what Node's do. */
function serverOf({ fetch }: { fetch: Parameters<typeof createAdaptorServer>[0]['fetch'] }): Server {
  return createAdaptorServer({ fetch }) as Server;
}

/** Resolves to its URL. */
function listen(server: Server, { host, port }: Address): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const why = error.code === 'EADDRINUSE' ? 'the port is taken: choose another' : `${error.code}`;
      reject(
        new VeneerError('unavailable', `cannot listen on ${host} port ${port}: ${why}`, { cause: error }),
      );
    });
    server.listen(port, host, () => {
      const { port: actual } = server.address() as AddressInfo;
      resolve(`http://${isIPv6(host) ? `[${host}]` : host}:${actual}`);
    });
  });
}
