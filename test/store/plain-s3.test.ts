/** What goes to S3 without the SDK and what is left to it: a scripted server answers, and the SDK's store is a stand-in. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openPlainS3Store, placeOf } from '../../functions/store/plain-s3.ts';
import type { Store } from '../../functions/store/store.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

const text = (bytes: Uint8Array | undefined) => new TextDecoder().decode(bytes);
const bytes = new TextEncoder().encode('123456789');
/** The check value of CRC-32's specification, cbf43926. */
const crc32 = Buffer.from('cbf43926', 'hex').toString('base64');
const credentials = { AWS_ACCESS_KEY_ID: 'id', AWS_SECRET_ACCESS_KEY: 'secret', AWS_REGION: 'eu-west-1' };

let server: Server;
let answer: Answer;
let requests: { method?: string; url?: string; headers: IncomingMessage['headers']; body: string }[];
let left: string[];

beforeEach(async () => {
  [requests, left] = [[], []];
  server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const { method, url, headers } = request;
    requests.push({ method, url, headers, body: String(Buffer.concat(pieces)) });
    answer(request, response);
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
});
afterEach(async () => {
  server.closeAllConnections();
  await new Promise(done => server.close(done));
});

const open = () => {
  const AWS_ENDPOINT_URL = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const place = placeOf('bucket', { ...credentials, AWS_SESSION_TOKEN: 'token', AWS_ENDPOINT_URL })!;
  return openPlainS3Store(place, { prefix: 'p', sdk: async () => sdk });
};
/** Notes what it is asked for. */
const sdk: Store = {
  url: 's3://bucket/p',
  async get(key) {
    left.push(`get ${key}`);
    return { bytes: new TextEncoder().encode('by the SDK'), etag: '"sdk"' };
  },
  async getIfChanged(key, etag) {
    left.push(`get ${key} unless ${etag}`);
    return 'unchanged';
  },
  async *getRange(key, start, end) {
    left.push(`get ${key} from ${start} to ${end}`);
    yield bytes.subarray(start, end);
  },
  async put(key, _bytes, condition) {
    left.push(`put ${key} ${JSON.stringify(condition)}`);
    return '"sdk"';
  },
  async *list(prefix) {
    left.push(`list ${prefix}`);
    yield 'a/b';
  },
  async delete(key) {
    left.push(`delete ${key}`);
  },
};

const sends =
  (status: number, body: Uint8Array | string = '', headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(status, { etag: '"e"', ...headers }).end(body);
const sendsPart = (part: Uint8Array, headers: Record<string, string> = {}) =>
  sends(206, part, { 'content-length': String(part.length), ...headers });
const refuses = (status: number, code: string) => sends(status, `<Error><Code>${code}</Code></Error>`);
const sendsHalf =
  (status: number): Answer =>
  (_request, response) => {
    response.writeHead(status, { etag: '"e"', 'content-length': '9' });
    response.write(bytes.subarray(0, 4), () => response.destroy());
  };
const breaksOff: Answer = request => request.socket.destroy();

describe('a read without the SDK', () => {
  it('is signed, asks for the checksum, and answers the object', async () => {
    answer = sends(200, bytes, { 'x-amz-checksum-crc32': crc32 });
    expect(await open().get('a/b.json')).toEqual({ bytes, etag: '"e"' });
    const [{ method, url, headers } = { headers: {} }] = requests;
    expect([method, url]).toEqual(['GET', '/bucket/p/a/b.json']);
    expect(headers.authorization).toMatch(
      /^AWS4-HMAC-SHA256 Credential=id\/\d{8}\/eu-west-1\/s3\/aws4_request, SignedHeaders=host;.*, Signature=[0-9a-f]{64}$/,
    );
    expect(headers).toMatchObject({ 'x-amz-security-token': 'token', 'x-amz-checksum-mode': 'ENABLED' });
    expect(left).toEqual([]);
  });

  it('knows what is not there, and what has not changed', async () => {
    answer = refuses(404, 'NoSuchKey');
    expect(await open().get('k')).toBeUndefined();
    expect(await open().getIfChanged('k', '"old"')).toBeUndefined();
    answer = sends(304);
    expect(await open().getIfChanged('k', '"e"')).toBe('unchanged');
    expect(requests.at(-1)?.headers['if-none-match']).toBe('"e"');
    answer = sends(200, bytes);
    expect(await open().getIfChanged('k', '"old"')).toEqual({ bytes, etag: '"e"' });
    expect(left).toEqual([]);
  });

  it.each<[string, Answer]>([
    ['an error', refuses(500, 'InternalError')],
    ['a plea to slow down', refuses(503, 'SlowDown')],
    ['a refusal', refuses(403, 'AccessDenied')],
    ['a bucket that is not there', refuses(404, 'NoSuchBucket')],
    ['another region', refuses(301, 'PermanentRedirect')],
    ['an object without an etag', (_, response) => response.writeHead(200).end('x')],
    ['a body that is not what its checksum says', sends(200, bytes, { 'x-amz-checksum-crc32': 'AAAAAA==' })],
    ['a body that breaks off', sendsHalf(200)],
    ['no answer', breaksOff],
  ])('leaves it to the SDK after %s', async (_, given) => {
    answer = given;
    expect(text((await open().get('k'))?.bytes)).toBe('by the SDK');
    expect(await open().getIfChanged('k', '"e"')).toBe('unchanged');
    expect(left).toEqual(['get k', 'get k unless "e"']);
    expect(requests).toHaveLength(2);
  });

  it('is over once the SDK was needed', async () => {
    const store = open();
    answer = breaksOff;
    await store.get('k');
    answer = sends(200, bytes);
    expect(text((await store.get('k'))?.bytes)).toBe('by the SDK');
    expect(await store.put('k', bytes)).toBe('"sdk"');
    expect(requests).toHaveLength(1);
  });

  it('refuses what is no key, and sends nothing', async () => {
    await expect(open().get('../k')).rejects.toMatchObject({ code: 'invalid_request' });
    expect([requests, left]).toEqual([[], []]);
  });
});

describe('a part of an object without the SDK', () => {
  const part = async (start: number, end: number) => {
    const pieces: Uint8Array[] = [];
    for await (const piece of open().getRange!('k', start, end)) pieces.push(piece);
    return text(Buffer.concat(pieces));
  };

  it('is what was asked for', async () => {
    answer = sendsPart(bytes.subarray(2, 5));
    expect(await part(2, 5)).toBe('345');
    expect(requests.map(({ headers }) => headers.range)).toEqual(['bytes=2-4']);
    expect(left).toEqual([]);
  });

  it('comes in pieces of any size, the first of which may end within the head', async () => {
    const long = Uint8Array.from({ length: 5_000_000 }, (_, i) => (i * i) % 251);
    const head = `HTTP/1.1 206 Partial Content\r\ncontent-length: ${long.length}\r\n\r\n`;
    answer = async ({ socket }) => {
      socket.write(head.slice(0, 20));
      await new Promise(done => setTimeout(done, 20));
      socket.write(head.slice(20));
      for (let at = 0; at < long.length; at += 777_777) {
        socket.write(long.subarray(at, at + 777_777));
        await new Promise(setImmediate);
      }
    };
    const pieces: Uint8Array[] = [];
    for await (const piece of open().getRange!('k', 0, long.length)) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(long)).toBe(true);
    expect(left).toEqual([]);
  });

  it('goes on by the SDK from where it broke off', async () => {
    answer = sendsHalf(206);
    expect(await part(0, 9)).toBe('123456789');
    expect(left).toEqual(['get k from 4 to 9']);
  });

  it('is wholly left to the SDK where no part of it comes', async () => {
    const others = [
      breaksOff,
      refuses(503, 'SlowDown'),
      sends(200, bytes),
      sendsPart(bytes.subarray(1)),
      // Without a length, so in chunks.
      sends(206, bytes),
      sendsPart(bytes, { 'content-encoding': 'gzip' }),
      sendsPart(bytes, { 'x-long': 'x'.repeat(1 << 14) }),
    ];
    for (const given of others) {
      answer = given;
      expect(await part(0, 9)).toBe('123456789');
    }
    expect(left).toEqual(new Array(others.length).fill('get k from 0 to 9'));
  });
});

describe('a write without the SDK', () => {
  it('has its checksum with it', async () => {
    // As S3 answers: with the checksum of the object, which is not that of the answer's body.
    answer = sends(200, '', { 'x-amz-checksum-crc32': crc32 });
    expect(await open().put('k', bytes)).toBe('"e"');
    expect(requests).toMatchObject([
      { method: 'PUT', url: '/bucket/p/k', headers: { 'x-amz-checksum-crc32': crc32 }, body: '123456789' },
    ]);
    expect(left).toEqual([]);
  });

  it('is repeated by the SDK where its answer is lost, or is an error', async () => {
    for (const given of [breaksOff, refuses(503, 'SlowDown'), refuses(400, 'BadDigest')]) {
      answer = given;
      expect(await open().put('k', bytes)).toBe('"sdk"');
    }
    expect(left).toEqual(new Array(3).fill('put k undefined'));
  });

  it('with a condition, or of more than 64 kB, is only the business of the SDK, like all else', async () => {
    const store = open();
    await store.put('k', new Uint8Array((1 << 16) + 1));
    await store.put('k', bytes, { absent: true });
    for await (const key of store.list('a')) expect(key).toBe('a/b');
    await store.delete('k');
    expect(left).toEqual(['put k undefined', 'put k {"absent":true}', 'list a', 'delete k']);
    expect(requests).toEqual([]);
  });
});

describe('where to send plain requests', () => {
  it('is the bucket of AWS by its own name, or a path at another server', () => {
    expect(placeOf('b-1', credentials)?.bucketUrl).toBe('https://b-1.s3.eu-west-1.amazonaws.com');
    const own = {
      ...credentials,
      AWS_ENDPOINT_URL: 'http://one:9000',
      AWS_ENDPOINT_URL_S3: 'http://two:9000/',
    };
    expect(placeOf('b.1', own)?.bucketUrl).toBe('http://two:9000/b.1');
  });

  it.each<[string, Record<string, string | undefined>, string?]>([
    ['there are no credentials', { AWS_SECRET_ACCESS_KEY: undefined }],
    ['there is no region', { AWS_REGION: undefined }],
    ['a profile may say otherwise', { AWS_PROFILE: 'p' }],
    ['another endpoint is wanted', { AWS_USE_FIPS_ENDPOINT: 'true' }],
    ['the region has another domain', { AWS_REGION: 'cn-north-1' }],
    ['the name does not fit a certificate', {}, 'b.1'],
    ['the bucket signs in its own way', {}, 'b--use1-az4--x-s3'],
  ])('is not known where %s', (_, env, bucket = 'b') => {
    expect(placeOf(bucket, { ...credentials, ...env })).toBeUndefined();
  });
});
