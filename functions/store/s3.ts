/**
 * The store as keys under a prefix of an S3 bucket; the only file that imports the SDK of S3. Region, endpoint and
 * credentials come the SDK's usual way. Its errors leave here as one line without the request or any secret.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
  type S3ServiceException,
} from '@aws-sdk/client-s3';
import { VeneerError } from '../error.ts';
import { checkKey, checkPrefix, isKey } from './key.ts';
import { translateS3Error } from './s3-error.ts';
import type { Store, StoredObject, WriteCondition } from './store.ts';

const maxTries = 5;
/** A read that has had no answer by then, in however many tries, gets none: well before a request's own deadline. */
const answerBudgetMs = 15_000;
/** Times that the body of an answer may break off. */
const maxBodies = 3;

export interface S3Location {
  bucket: string;
  prefix: string;
  /** For a bucket that is not ours and only read: objects may have any key. */
  anyKey?: boolean;
}

export function openS3Store({ bucket, prefix, anyKey = false }: S3Location): Store {
  const folder = prefix === '' ? '' : `${prefix.replace(/\/+$/, '')}/`;
  const url = `s3://${bucket}/${folder}`.slice(0, -1);
  const client = new S3Client({
    // A server of one's own rarely has a DNS name for every bucket.
    ...((process.env.AWS_ENDPOINT_URL_S3 ?? process.env.AWS_ENDPOINT_URL) ? { forcePathStyle: true } : {}),
    requestChecksumCalculation: 'WHEN_SUPPORTED',
    responseChecksumValidation: 'WHEN_SUPPORTED',
    // The SDK waits longer before each of these, and longest where S3 asks to slow down.
    maxAttempts: maxTries,
    requestHandler: { connectionTimeout: 2_000, socketTimeout: 10_000 },
  });

  return {
    url,

    get(key) {
      return read(key).catch(error => nothing(error, key));
    },

    getIfChanged(key, etag) {
      return read(key, { IfNoneMatch: etag }).catch(error =>
        statusOf(error) === 304 ? ('unchanged' as const) : nothing(error, key),
      );
    },

    async *getRange(key, start, end) {
      let at = start;
      for (let tries = 1; ; tries++) {
        const range = { Range: `bytes=${at}-${end - 1}` };
        const answer = await answerOf(key, range).catch(error => nothing(error, key));
        if (!answer) return;
        try {
          for await (const piece of answer.Body as AsyncIterable<Uint8Array>) {
            at += piece.length;
            yield piece;
          }
          return;
        } catch (error) {
          // It goes on from where it broke off.
          if (at >= end || tries === maxBodies) throw failure(error, `reading ${key}`);
          await sleep(Math.random() * 50 * 2 ** tries);
        }
      }
    },

    async put(key, bytes, condition) {
      const input = {
        Bucket: bucket,
        Key: folder + checkKey(key),
        Body: bytes,
        // Tells our own write, whose answer was lost on the way, from a competitor's.
        Metadata: { writer: randomUUID() },
        ...conditionHeaders(condition),
      };
      for (let tries = 1; ; tries++) {
        try {
          const written = await client.send(new PutObjectCommand(input));
          return written.ETag ?? '';
        } catch (error) {
          const status = statusOf(error);
          // 409: another write of this key was under way, so the condition was not judged yet.
          if (status === 409 && tries < maxTries) {
            await sleep(Math.random() * 50 * 2 ** tries);
            continue;
          }
          if (status !== 412 && !(status === 404 && nameOf(error) === 'NoSuchKey'))
            throw failure(error, `writing ${key}`);
          const standing = await client
            .send(new HeadObjectCommand({ Bucket: bucket, Key: input.Key }))
            .catch(error => {
              if (statusOf(error) !== 404) throw failure(error, `writing ${key}`);
            });
          if (standing?.Metadata?.writer === input.Metadata.writer) return standing.ETag ?? '';
          throw new VeneerError(
            'conflict',
            `${key} was changed by someone else first: read it again and retry`,
          );
        }
      }
    },

    async *list(wanted) {
      const input = { Bucket: bucket, Prefix: folder + (anyKey ? wanted : checkPrefix(wanted)) };
      let token: string | undefined;
      do {
        const page = await client
          .send(new ListObjectsV2Command({ ...input, ContinuationToken: token }))
          .catch(error => Promise.reject(failure(error, `listing ${wanted}`)));
        for (const { Key } of page.Contents ?? []) {
          const key = Key?.slice(folder.length);
          if (key !== undefined && (anyKey || isKey(key))) yield key;
        }
        token = page.NextContinuationToken;
      } while (token !== undefined);
    },

    async delete(key) {
      const input = { Bucket: bucket, Key: folder + checkKey(key) };
      await client.send(new DeleteObjectCommand(input)).catch(error => {
        if (nameOf(error) !== 'NoSuchKey') throw failure(error, `deleting ${key}`);
      });
    },

    async presign(key, seconds) {
      const input = { Bucket: bucket, Key: folder + checkKey(key) };
      // Only here: few processes ever sign.
      const { getSignedUrl } = await import('@aws-sdk/s3-request-presigner');
      return getSignedUrl(client, new GetObjectCommand(input), { expiresIn: seconds }).catch(error => {
        throw failure(error, `signing ${key}`);
      });
    },
  };

  /** The SDK repeats a request by itself, but not a body that broke off. Rejects with the SDK's own errors. */
  async function read(key: string, options: { IfNoneMatch?: string } = {}): Promise<StoredObject> {
    const startedAt = performance.now();
    for (let tries = 1; ; tries++) {
      const answer = await answerOf(key, options, startedAt);
      try {
        const bytes = (await answer.Body?.transformToByteArray()) ?? new Uint8Array();
        return { bytes, etag: answer.ETag ?? '' };
      } catch (error) {
        if (tries === maxBodies || performance.now() - startedAt > answerBudgetMs) throw error;
        await sleep(Math.random() * 50 * 2 ** tries);
      }
    }
  }

  /** The answer to a read, whose body is still to come. */
  async function answerOf(
    key: string,
    options: { IfNoneMatch?: string; Range?: string },
    startedAt = performance.now(),
  ) {
    const input = { Bucket: bucket, Key: folder + (anyKey ? key : checkKey(key)), ...options };
    // Until the answer begins: how long a large body takes on a slow line is not our business.
    const waiting = new AbortController();
    const timer = setTimeout(() => waiting.abort(), startedAt + answerBudgetMs - performance.now());
    return client
      .send(new GetObjectCommand(input), { abortSignal: waiting.signal })
      .finally(() => clearTimeout(timer));
  }

  function nothing(error: unknown, key: string): undefined {
    if (nameOf(error) !== 'NoSuchKey') throw failure(error, `reading ${key}`);
  }

  function failure(error: unknown, doing: string): VeneerError {
    return translateS3Error(error, { doing, url, bucket });
  }
}

function conditionHeaders(condition: WriteCondition | undefined) {
  if (condition === undefined) return {};
  return 'absent' in condition ? { IfNoneMatch: '*' } : { IfMatch: condition.etag };
}

function statusOf(error: unknown): number | undefined {
  return (error as S3ServiceException).$metadata?.httpStatusCode;
}

function nameOf(error: unknown): string {
  return (error as Error).name;
}
