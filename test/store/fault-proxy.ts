/** Stands before an S3 server and does to requests what networks and S3 itself do, as a test says. */
import { createServer, type IncomingMessage, request as send } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * `lost`: the request arrives and its answer does not. `truncated`: half of the body, then the connection breaks.
 * `corrupt`: one bit of the body is another. Numbers and `slow-down`: S3's own errors.
 */
export const faults = ['reset', 'lost', 'delayed', 'truncated', 'corrupt', 500, 503, 'slow-down'] as const;
export type Fault = (typeof faults)[number];

export interface FaultProxy {
  url: string;
  /** Asked for every request. */
  choose(request: IncomingMessage): Fault | undefined;
  stop(): Promise<void>;
}

export async function startFaultProxy(target: string): Promise<FaultProxy> {
  const { hostname, port } = new URL(target);
  const server = createServer(async (request, response) => {
    const fault = proxy.choose(request);
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    if (fault === 'reset') return void request.socket.destroy();
    if (fault === 'delayed') await sleep(300);
    if (fault === 500 || fault === 503 || fault === 'slow-down') {
      const code = { 500: 'InternalError', 503: 'ServiceUnavailable', 'slow-down': 'SlowDown' }[fault];
      response.writeHead(fault === 'slow-down' ? 503 : fault, { 'content-type': 'application/xml' });
      return void response.end(`<Error><Code>${code}</Code><Message>later</Message></Error>`);
    }
    const { method, url: path } = request;
    const headers = Object.fromEntries(pairs(request.rawHeaders));
    const forwarded = send({ hostname, port, method, path, headers, agent: false }, async answer => {
      const body: Buffer[] = [];
      for await (const piece of answer) body.push(piece);
      if (fault === 'lost') return void request.socket.destroy();
      const bytes = Buffer.concat(body);
      response.writeHead(answer.statusCode!, answer.rawHeaders);
      if (fault === 'truncated' && bytes.length > 1)
        return void response.write(bytes.subarray(0, bytes.length >> 1), () => response.destroy());
      if (fault === 'corrupt' && bytes.length > 0) bytes[bytes.length >> 1]! ^= 1;
      response.end(bytes);
    });
    forwarded.once('error', () => request.socket.destroy());
    forwarded.end(Buffer.concat(pieces));
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  const proxy: FaultProxy = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    choose: () => undefined,
    async stop() {
      server.closeAllConnections();
      await new Promise(done => server.close(done));
    },
  };
  return proxy;
}

function* pairs(flat: readonly string[]): Generator<[string, string]> {
  for (let i = 0; i + 1 < flat.length; i += 2) yield [flat[i]!, flat[i + 1]!];
}
