/**
 * Requests over kept connections at next to no cost, so that what is measured is the server: the bytes of a request are
 * made once, and of an answer only its status and its length are read. Node's own client takes as long as the server.
 */
import { connect, type Socket } from 'node:net';

export interface Load {
  /** Resolves at the end of the answer. @throws Where its status is not 200. */
  ask(request: Buffer): Promise<void>;
  close(): void;
}

export function requestBytes(url: URL, headers: Readonly<Record<string, string>>, body: string): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const length = `content-length: ${Buffer.byteLength(body)}`;
  return Buffer.from(
    `POST ${url.pathname} HTTP/1.1\r\nhost: ${url.host}\r\n${lines.join('')}${length}\r\n\r\n${body}`,
  );
}

interface Connection {
  socket: Socket;
  /** Of the answer, as far as it came. */
  received: string;
  waiting: { resolve(): void; reject(error: Error): void } | undefined;
}

/** One request a connection at a time; another is opened where none is free. */
export function openLoad({ hostname, port }: URL): Load {
  const all: Connection[] = [];
  const free: Connection[] = [];
  /** Of all connections: what arrives is read before the next does, and leaves no garbage to collect. */
  const memory = Buffer.alloc(1 << 16);

  const receive = (connection: Connection, bytes: number): boolean => {
    connection.received += memory.toString('latin1', 0, bytes);
    if (!isWhole(connection.received)) return true;
    const { received, waiting } = connection;
    connection.received = '';
    connection.waiting = undefined;
    free.push(connection);
    if (received.startsWith('HTTP/1.1 200 ')) waiting?.resolve();
    else waiting?.reject(new Error(`the server answered ${received.slice(0, 200)}`));
    return true;
  };

  const open = (): Connection => {
    const onread = { buffer: memory, callback: (bytes: number) => receive(connection, bytes) };
    const socket = connect({ host: hostname, port: Number(port), onread }).setNoDelay();
    const connection: Connection = { socket, received: '', waiting: undefined };
    all.push(connection);
    const fail = (error: Error) => connection.waiting?.reject(error);
    socket.on('error', fail).on('close', () => {
      // The server ends what has been idle for long.
      if (free.includes(connection)) free.splice(free.indexOf(connection), 1);
      fail(new Error('the server closed the connection'));
    });
    return connection;
  };

  return {
    ask(request) {
      const connection = free.pop() ?? open();
      return new Promise((resolve, reject) => {
        connection.waiting = { resolve, reject };
        connection.socket.write(request);
      });
    },
    close() {
      for (const { socket } of all) socket.destroy();
    },
  };
}

function isWhole(received: string): boolean {
  const end = received.indexOf('\r\n\r\n');
  if (end < 0) return false;
  const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, end))?.[1];
  if (length === undefined) throw new Error('the server told no length of its answer');
  return received.length >= end + 4 + Number(length);
}
