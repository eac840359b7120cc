/**
 * A part of an object, received over a connection of its own right into the memory that keeps it. Node's HTTP client gives
 * the same bytes in pieces of 64 kB that it copies, which takes more than twice the time, most of what a cold start waits.
 */
import { isIP, connect as openTcp, type Socket, type TcpNetConnectOpts } from 'node:net';

export interface Part {
  url: URL;
  /** Signed, `range` among them. */
  headers: Readonly<Record<string, string>>;
  /** Of the part, exactly. */
  length: number;
  /** Until the answer begins, and between two pieces of it. */
  answerMs: number;
  silenceMs: number;
}

const maxHeadBytes = 1 << 14;
/** Of one read: what a socket holds, at most. */
const readBytes = 1 << 20;

/** All of the part; its beginning where the connection breaks off; nothing where the answer is anything else than this part. */
export async function receivePart({ url, headers, length, answerMs, silenceMs }: Part): Promise<Uint8Array> {
  // The part comes after its head. One byte more than both: a read always finds room.
  const memory = Buffer.allocUnsafeSlow(maxHeadBytes + length + 1);
  let filled = 0;
  let bodyAt: number | undefined;
  const connect = await connector(url);
  return new Promise(resolve => {
    const room = () => memory.subarray(filled, filled + readBytes);
    const socket = connect({
      buffer: room,
      callback(bytes) {
        filled += bytes;
        if (bodyAt === undefined) {
          const head = headOf(memory.subarray(0, filled));
          if (head === 'incomplete') return true;
          clearTimeout(timer);
          if (isPart(head, length)) bodyAt = head.length;
        }
        if (bodyAt === undefined || filled >= bodyAt + length) socket.destroy();
        return true;
      },
    });
    const timer = setTimeout(() => socket.destroy(), answerMs);
    socket.setTimeout(silenceMs, () => socket.destroy());
    socket.on('error', () => {}); // ends with `close`, too
    socket.on('close', () => {
      clearTimeout(timer);
      resolve(
        bodyAt === undefined ? new Uint8Array() : memory.subarray(bodyAt, Math.min(filled, bodyAt + length)),
      );
    });
    const lines = Object.entries({ ...headers, host: url.host, connection: 'close' });
    socket.write(
      `GET ${url.pathname} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`,
    );
  });
}

type OnRead = NonNullable<TcpNetConnectOpts['onread']>;

async function connector({ protocol, hostname, port }: URL): Promise<(onread: OnRead) => Socket> {
  const host = hostname.replace(/^\[|\]$/g, '');
  if (protocol === 'http:') return onread => openTcp({ host, port: Number(port || 80), onread });
  const { connect } = await import('node:tls');
  // No server name is asked for where the host is an address.
  const named = isIP(host) ? {} : { servername: host };
  return onread => {
    const options = { host, port: Number(port || 443), ALPNProtocols: ['http/1.1'], ...named, onread };
    return connect(options);
  };
}

/** Status line and headers with the empty line that ends them; empty where they are too long. */
function headOf(received: Buffer): string | 'incomplete' {
  const end = received.indexOf('\r\n\r\n');
  const length = end + 4;
  if (end >= 0 && length <= maxHeadBytes) return received.toString('latin1', 0, length);
  return received.length < maxHeadBytes ? 'incomplete' : '';
}

function isPart(head: string, length: number): boolean {
  return (
    /^HTTP\/1\.1 206 /.test(head) &&
    new RegExp(`\r\ncontent-length: *${length} *\r\n`, 'i').test(head) &&
    !/\r\n(?:transfer|content)-encoding:/i.test(head)
  );
}
