/** What the S3 store makes of faults that a real server shows too rarely: a scripted server answers in their place. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openS3Store } from '../../functions/store/s3.ts';

type Answer = (request: IncomingMessage, response: ServerResponse) => void;

let server: Server;
let script: Answer[];
let requests: IncomingMessage[];
const environment = { ...process.env };

beforeEach(async () => {
  script = [];
  requests = [];
  server = createServer((request, response) => {
    requests.push(request);
    // The last answer goes on for ever.
    request.resume().on('end', () => (script.length > 1 ? script.shift() : script[0])?.(request, response));
  });
  await new Promise<void>(done => server.listen(0, '127.0.0.1', done));
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'test-access',
    AWS_SECRET_ACCESS_KEY: 'test-secret',
    AWS_EC2_METADATA_DISABLED: 'true',
  });
});
afterEach(async () => {
  for (const name of Object.keys(process.env)) if (!(name in environment)) delete process.env[name];
  Object.assign(process.env, environment);
  server.closeAllConnections();
  await new Promise(done => server.close(done));
});

const store = () => openS3Store({ bucket: 'bucket', prefix: 'p' });
const bytes = new TextEncoder().encode('123456789');

const refuses =
  (status: number, code: string): Answer =>
  (_request, response) =>
    response
      .writeHead(status, { 'content-type': 'application/xml', 'x-amz-request-id': 'R1' })
      .end(`<Error><Code>${code}</Code><Message>leaked detail</Message></Error>`);
const accepts: Answer = (_request, response) => response.writeHead(200, { etag: '"new"' }).end();
const breaksOff: Answer = request => request.socket.destroy();
const standsAs =
  (writer: () => string): Answer =>
  (_request, response) =>
    response.writeHead(200, { etag: '"standing"', 'x-amz-meta-writer': writer() }).end();
const sends =
  (sent: Uint8Array, headers: Record<string, string> = {}): Answer =>
  (_request, response) =>
    response.writeHead(200, { etag: '"e"', 'content-length': '9', ...headers }).end(sent);
const hasNotChanged: Answer = (_request, response) => response.writeHead(304, { etag: '"e"' }).end();
const sendsHalf: Answer = (_request, response) => {
  response.writeHead(200, { etag: '"e"', 'content-length': '9' });
  response.write(bytes.subarray(0, 4), () => response.destroy());
};

const writerOf = (request: IncomingMessage | undefined) => String(request?.headers['x-amz-meta-writer']);

describe('a conditional write to S3', () => {
  it('is repeated while another is under way', async () => {
    script = [
      refuses(409, 'ConditionalRequestConflict'),
      refuses(409, 'ConditionalRequestConflict'),
      accepts,
    ];
    expect(await store().put('k', bytes, { absent: true })).toBe('"new"');
    expect(requests.map(request => request.headers['if-none-match'])).toEqual(['*', '*', '*']);
  });

  it('ends as unavailable, not as lost, where others stay under way', async () => {
    script = [refuses(409, 'ConditionalRequestConflict')];
    await expect(store().put('k', bytes, { etag: '"old"' })).rejects.toMatchObject({ code: 'unavailable' });
    expect(requests.map(request => request.headers['if-match'])).toEqual(Array(5).fill('"old"'));
  });

  it('has won where only the answer of its first try was lost', async () => {
    script = [breaksOff, refuses(412, 'PreconditionFailed'), standsAs(() => writerOf(requests[0]))];
    expect(await store().put('k', bytes, { absent: true })).toBe('"standing"');
    expect(requests.map(request => request.method)).toEqual(['PUT', 'PUT', 'HEAD']);
  });

  it('has lost where its first try broke off and someone else stands there', async () => {
    script = [breaksOff, refuses(412, 'PreconditionFailed'), standsAs(() => 'someone else')];
    await expect(store().put('k', bytes, { absent: true })).rejects.toMatchObject({ code: 'conflict' });
  });

  it('has lost where the object it expects is gone', async () => {
    script = [refuses(404, 'NoSuchKey')];
    await expect(store().put('k', bytes, { etag: '"old"' })).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('checksums', () => {
  it('go with every write', async () => {
    script = [accepts];
    await store().put('k', bytes);
    // CRC-32 of "123456789" is cbf43926, the check value of its specification.
    expect(requests[0]?.headers['x-amz-checksum-crc32']).toBe(
      Buffer.from('cbf43926', 'hex').toString('base64'),
    );
  });

  it('are checked at every read', async () => {
    script = [sends(bytes, { 'x-amz-checksum-crc32': 'AAAAAA==' })];
    await expect(store().get('k')).rejects.toMatchObject({ code: 'unavailable' });
    script = [sends(bytes, { 'x-amz-checksum-crc32': 'y/Q5Jg==' })];
    expect((await store().get('k'))?.bytes).toEqual(bytes);
  });
});

describe('a read from S3', () => {
  it('starts again where the body breaks off', async () => {
    script = [sendsHalf, sends(bytes)];
    expect((await store().get('k'))?.bytes).toEqual(bytes);
  });

  it('gives up in the end', async () => {
    script = [sendsHalf];
    await expect(store().get('k')).rejects.toMatchObject({ code: 'unavailable' });
    expect(requests).toHaveLength(3);
  });
});

describe('a conditional read from S3', () => {
  it('sends the etag, and takes 304 for an answer, once', async () => {
    script = [hasNotChanged];
    expect(await store().getIfChanged('k', '"e"')).toBe('unchanged');
    expect(requests.map(request => request.headers['if-none-match'])).toEqual(['"e"']);
  });

  it('starts again where the body breaks off, and may find by then that nothing has changed', async () => {
    script = [sendsHalf, sends(bytes)];
    expect(await store().getIfChanged('k', '"old"')).toEqual({ bytes, etag: '"e"' });
    script = [sendsHalf, hasNotChanged];
    expect(await store().getIfChanged('k', '"e"')).toBe('unchanged');
  });

  it('does not take an error for an answer', async () => {
    script = [refuses(403, 'AccessDenied')];
    await expect(store().getIfChanged('k', '"e"')).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringMatching(/^reading k in /),
    });
  });
});

describe('an error of S3', () => {
  for (const [status, name, code] of [
    [503, 'SlowDown', 'unavailable'],
    [500, 'InternalError', 'unavailable'],
    [403, 'AccessDenied', 'forbidden'],
    [403, 'InvalidAccessKeyId', 'forbidden'],
    [400, 'ExpiredToken', 'forbidden'],
    [301, 'PermanentRedirect', 'unavailable'],
  ] as const)
    it(`${status} ${name} is ${code}, in one line`, async () => {
      script = [refuses(status, name)];
      const error: Error = await store()
        .get('k')
        .then(
          () => expect.fail(),
          thrown => thrown,
        );
      expect(error).toMatchObject({ name: 'VeneerError', code });
      expect(error.message).toMatch(/^reading k in s3:\/\/bucket\/p: /);
      expect(error.message).not.toMatch(/\n|leaked|test-/);
    });

  it('names the cause where nothing answers', async () => {
    process.env.AWS_ENDPOINT_URL = 'http://127.0.0.1:1';
    await expect(store().get('k')).rejects.toMatchObject({
      code: 'unavailable',
      message: expect.stringContaining('cannot be reached (ECONNREFUSED)'),
    });
  });

  it('says what to set where there are no credentials', async () => {
    delete process.env.AWS_ACCESS_KEY_ID;
    delete process.env.AWS_SECRET_ACCESS_KEY;
    Object.assign(process.env, { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' });
    await expect(store().get('k')).rejects.toMatchObject({
      code: 'forbidden',
      message: expect.stringContaining('AWS_ACCESS_KEY_ID'),
    });
  });

  it('says what to set where there is no region', async () => {
    delete process.env.AWS_REGION;
    delete process.env.AWS_DEFAULT_REGION;
    Object.assign(process.env, { AWS_CONFIG_FILE: '/dev/null', AWS_SHARED_CREDENTIALS_FILE: '/dev/null' });
    await expect(store().get('k')).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('AWS_REGION'),
    });
  });
});
