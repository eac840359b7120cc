/**
 * S3 without its SDK, for what a cold start does: to load the SDK and send its first requests is a sixth of one. Only plain
 * answers to plain requests count here. At whatever else happens the SDK is loaded, which does this request and all others.
 */
import type { Agent, ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import * as zlib from 'node:zlib';
import { AwsV4Signer } from 'aws4fetch';
import { checkKey } from './key.ts';
import { receivePart } from './receive.ts';
import type { Store, StoredObject } from './store.ts';

/** Where the SDK would look for the same in the end. */
interface Place {
  bucket: string;
  bucketUrl: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  sessionToken: string | undefined;
}

/** Until an answer begins, and between two pieces of one: the SDK's own time to retry comes after it. */
const answerMs = 3_000;
const silenceMs = 5_000;
const maxSockets = 50;
/** A larger one may take longer to send than an answer is waited for. */
const maxBodyBytes = 1 << 16;

interface PlainOptions {
  prefix: string;
  sdk(): Promise<Store>;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** Undefined where the environment leaves a choice that only the SDK knows how to make. */
export function placeOf(bucket: string, env: Environment): Place | undefined {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey, AWS_REGION: region } = env;
  if (!accessKeyId || !secretAccessKey || !region || !zlib.crc32) return undefined;
  const others = ['AWS_PROFILE', 'AWS_USE_FIPS_ENDPOINT', 'AWS_USE_DUALSTACK_ENDPOINT'];
  if (others.some(name => env[name])) return undefined;
  const endpoint = env.AWS_ENDPOINT_URL_S3 || env.AWS_ENDPOINT_URL;
  // Other buckets and regions have other host names, or other ways to sign.
  if (!endpoint && (!/^[a-z0-9-]+(?<!--x-s3)$/.test(bucket) || /^(?:cn|us-iso)/.test(region)))
    return undefined;
  const bucketUrl = endpoint
    ? `${endpoint.replace(/\/$/, '')}/${bucket}`
    : `https://${bucket}.s3.${region}.amazonaws.com`;
  return {
    bucket,
    bucketUrl,
    region,
    accessKeyId,
    secretAccessKey,
    sessionToken: env.AWS_SESSION_TOKEN || undefined,
  };
}

interface Asked {
  key: string;
  method?: 'GET' | 'PUT';
  headers?: Record<string, string>;
  body?: Uint8Array;
}

export async function openS3(location: { bucket: string; prefix: string }): Promise<Store> {
  const sdk = async () => (await import('./s3.ts')).openS3Store(location);
  const place = placeOf(location.bucket, process.env);
  return place ? openPlainS3Store(place, { prefix: location.prefix, sdk }) : sdk();
}

/** @param sdk The same store by the SDK, opened at the first request that is left to it and used from then on. */
export function openPlainS3Store(place: Place, { prefix, sdk: open }: PlainOptions): Store {
  const { bucket, bucketUrl } = place;
  const folder = prefix === '' ? '' : `${prefix}/`;
  const sign = signer(place);
  const send = sender(bucketUrl, sign);
  let opened: Promise<Store> | undefined;
  const sdk = () => {
    opened ??= open();
    return opened;
  };
  const urlOf = (key: string) => `${bucketUrl}/${folder}${checkKey(key)}`;
  const ask = async ({ key, ...asked }: Asked) => (opened ? undefined : send(urlOf(key), asked));

  /** Undefined where the SDK is to ask again. */
  const read = async (
    key: string,
    headers?: Record<string, string>,
  ): Promise<StoredObject | 'unchanged' | 'missing' | undefined> => {
    const answer = await ask({ key, headers: { 'x-amz-checksum-mode': 'ENABLED', ...headers } });
    const bytes = answer && (await wholeBody(answer));
    if (!answer || !bytes) return undefined;
    const { statusCode, headers: told } = answer;
    if (statusCode === 304) return 'unchanged';
    if (statusCode === 404 && Buffer.from(bytes).includes('<Code>NoSuchKey</Code>')) return 'missing';
    return statusCode === 200 && told.etag ? { bytes, etag: told.etag } : undefined;
  };

  return {
    url: `s3://${bucket}/${folder}`.slice(0, -1),

    async get(key) {
      const found = await read(key);
      if (found === 'missing') return undefined;
      return found && found !== 'unchanged' ? found : (await sdk()).get(key);
    },

    async getIfChanged(key, etag) {
      const found = await read(key, { 'if-none-match': etag });
      return found === 'missing' ? undefined : (found ?? (await sdk()).getIfChanged(key, etag));
    },

    async *getRange(key, start, end) {
      let at = start;
      if (!opened) {
        const { url, headers } = await sign(urlOf(key), { headers: { range: `bytes=${start}-${end - 1}` } });
        const bytes = await receivePart({ url, headers, length: end - start, answerMs, silenceMs });
        at += bytes.length;
        if (bytes.length > 0) yield bytes;
      }
      // From where it broke off.
      if (at < end) yield* (await sdk()).getRange!(key, at, end);
    },

    async put(key, bytes, condition) {
      if (!condition && bytes.length <= maxBodyBytes) {
        const headers = { 'x-amz-checksum-crc32': crc32Of(bytes) };
        const answer = await ask({ key, method: 'PUT', headers, body: bytes });
        answer?.resume();
        if (answer?.statusCode === 200 && answer.headers.etag) return answer.headers.etag;
      }
      return (await sdk()).put(key, bytes, condition);
    },

    async *list(wanted) {
      yield* (await sdk()).list(wanted);
    },

    async delete(key) {
      await (await sdk()).delete(key);
    },

    async presign(key, seconds) {
      return (await sdk()).presign!(key, seconds);
    },
  };
}

type Sign = (
  target: string,
  request: { method?: 'GET' | 'PUT'; headers: Record<string, string> },
) => Promise<{ url: URL; headers: Record<string, string> }>;

function signer({ bucket: _, bucketUrl: __, ...signing }: Place): Sign {
  const cache = new Map<string, ArrayBuffer>();
  return async (target, { method = 'GET', headers }) => {
    const request = { url: target, method, headers };
    const signed = await new AwsV4Signer({ ...signing, service: 's3', cache, ...request }).sign();
    return { url: signed.url, headers: Object.fromEntries(signed.headers) };
  };
}

/** Sends a signed request and gives its answer, whose body is still to come; undefined where none came. */
function sender(bucketUrl: string, sign: Sign) {
  let transport: Promise<Transport> | undefined;
  return async (
    target: string,
    { method = 'GET', headers = {}, body }: Omit<Asked, 'key'>,
  ): Promise<IncomingMessage | undefined> => {
    transport ??= openTransport(bucketUrl);
    const [{ agent, request }, signed] = await Promise.all([transport, sign(target, { method, headers })]);
    return new Promise(resolve => {
      const options = { agent, method, headers: signed.headers, timeout: silenceMs };
      const sent = request(signed.url, options, answer => {
        clearTimeout(timer);
        // A body that breaks off is noticed where it is read.
        answer.on('error', () => {});
        resolve(answer);
      });
      const timer = setTimeout(() => sent.destroy(), answerMs);
      sent.once('timeout', () => sent.destroy());
      sent.once('close', () => {
        clearTimeout(timer);
        resolve(undefined);
      });
      sent.on('error', () => {});
      sent.end(body);
    });
  };
}

interface Transport {
  agent: Agent;
  request(url: URL, options: RequestOptions, onAnswer: (answer: IncomingMessage) => void): ClientRequest;
}

async function openTransport(url: string): Promise<Transport> {
  const { Agent, request } = await (url.startsWith('https:') ? import('node:https') : import('node:http'));
  return { agent: new Agent({ keepAlive: true, maxSockets }), request };
}

/** Undefined where it breaks off, or is not what its checksum says. */
async function wholeBody(answer: IncomingMessage): Promise<Uint8Array | undefined> {
  const pieces: Uint8Array[] = [];
  try {
    for await (const piece of answer as AsyncIterable<Uint8Array>) pieces.push(piece);
  } catch {
    return undefined;
  }
  const bytes = new Uint8Array(Buffer.concat(pieces));
  const told = answer.headers['x-amz-checksum-crc32'];
  return told === undefined || told === crc32Of(bytes) ? bytes : undefined;
}

function crc32Of(bytes: Uint8Array): string {
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(zlib.crc32(bytes));
  return checksum.toString('base64');
}
