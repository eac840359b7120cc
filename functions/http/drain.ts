/**
 * How a server stops without losing a request: for a while it only says that it is not ready, so that load balancers turn
 * away; then it takes no more connections; what is under way has its time to end. It knows nothing of what it serves.
 */
import type { Server, ServerResponse } from 'node:http';
import { constants } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';

export const defaultDrainMs = 10_000;

export interface DrainOptions {
  /** Between not being ready and taking no more. */
  delayMs: number;
  /** After this, what is still under way is cut off. */
  graceMs: number;
}

export interface Drain {
  /** Whether it is about to stop. */
  begun(): boolean;
  /** Resolves when nothing is under way any more, to the number of requests that were cut off. */
  run(): Promise<number>;
}

/** Call it before requests come. */
export function openDrain(server: Server, { delayMs, graceMs }: DrainOptions): Drain {
  const underWay = new Set<ServerResponse>();
  let begun = false;
  // A connection that stays open would bring another request into a server that has stopped.
  const lastOfItsConnection = (response: ServerResponse) => {
    if (!response.headersSent) response.setHeader('connection', 'close');
  };
  server.prependListener('request', (_request, response: ServerResponse) => {
    underWay.add(response);
    response.on('close', () => underWay.delete(response));
    if (begun) lastOfItsConnection(response);
  });
  return {
    begun: () => begun,
    async run() {
      begun = true;
      underWay.forEach(lastOfItsConnection);
      if (server.listening) await sleep(delayMs);
      let cut = 0;
      const closed = new Promise(resolve => server.close(resolve));
      const timer = setTimeout(() => {
        cut = underWay.size;
        server.closeAllConnections();
      }, graceMs);
      await closed;
      clearTimeout(timer);
      return cut;
    },
  };
}

/** Closes on SIGTERM or SIGINT, and resolves then; a second signal ends the process at once. */
export function closeOnSignal(close: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let signalled = false;
    const onSignal = (signal: NodeJS.Signals) => {
      if (signalled) process.exit(128 + constants.signals[signal]);
      signalled = true;
      close()
        .then(resolve, reject)
        .finally(() => {
          for (const each of ['SIGTERM', 'SIGINT'] as const) process.off(each, onSignal);
        });
    };
    for (const each of ['SIGTERM', 'SIGINT'] as const) process.on(each, onSignal);
  });
}
