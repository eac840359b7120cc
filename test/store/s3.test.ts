import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../functions/store/open.ts';
import { openS3 } from '../../functions/store/plain-s3.ts';
import { openS3Store } from '../../functions/store/s3.ts';
import { findMinio, howToGetIt as howToGetMinio, startMinio } from './minio.ts';
import { listed, storeCases } from './store.cases.ts';
import {
  findVersitygw,
  howToGetIt as howToGetVersitygw,
  type S3Server,
  startVersitygw,
} from './versitygw.ts';

const servers = [
  {
    ...{ name: 'versitygw', program: await findVersitygw(), start: startVersitygw },
    howToGetIt: howToGetVersitygw,
  },
  { name: 'MinIO', program: findMinio(), start: startMinio, howToGetIt: howToGetMinio },
];
for (const { name, program, howToGetIt } of servers)
  if (!program) console.warn(`S3 tests against ${name} skipped: ${howToGetIt}`);

describe.each(servers)('an S3 store on $name', ({ program, start }) => {
  if (!program) {
    it.skip('is not there');
    return;
  }
  let server: S3Server;
  let bucket: string;
  let stores = 0;

  beforeAll(async () => {
    server = await start(program);
    Object.assign(process.env, server.env);
    bucket = await server.bucket('veneer');
  });
  afterAll(() => server?.stop());

  describe.each([
    ['the SDK alone', openS3Store],
    ['plain requests before it', openS3],
  ])('by %s', (_, open) => {
    storeCases(async () => open({ bucket, prefix: `prefix/${stores++}` }));
  });

  it('signs a URL that reads one object without credentials, and that nobody can change', async () => {
    const store = openS3Store({ bucket, prefix: 'signed' });
    await store.put('tenants/acme/results.jsonl', Buffer.from('{"index":0}\n'));
    await store.put('tenants/acme/other.jsonl', Buffer.from('secret'));
    const url = await store.presign!('tenants/acme/results.jsonl', 60);
    const response = await fetch(url);
    expect(response.status).toBe(200);
    expect(await response.text()).toBe('{"index":0}\n');
    expect(url).toContain('X-Amz-Expires=60');
    expect((await fetch(url.replace('results', 'other'))).status).toBe(403);
    expect((await fetch(url.replace('Expires=60', 'Expires=6000'))).status).toBe(403);
    expect((await fetch(url, { method: 'PUT', body: 'x' })).status).toBe(403);
    expect((await fetch(url.replace(/\?.*/, ''))).status).toBe(403);
    await expect(store.presign!('../keys', 60)).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('keeps to its prefix', async () => {
    const one = await openStore(`s3://${bucket}/tree/one`);
    const other = await openStore(`s3://${bucket}/tree/one-more/`);
    await one.put('a', new Uint8Array([1]));
    await other.put('b', new Uint8Array([2]));
    expect(await listed(one, '')).toEqual(['a']);
    expect(await listed(other, '')).toEqual(['b']);
    expect(await one.get('b')).toBeUndefined();
    expect(one.url).toBe('s3://veneer/tree/one');
    expect(one.localPath).toBeUndefined();
  });

  it('takes a whole bucket', async () => {
    const whole = await openStore(`s3://${await server.bucket('whole-bucket')}`);
    await whole.put('a/b', new Uint8Array([1]));
    expect(await listed(whole, '')).toEqual(['a/b']);
    expect(whole.url).toBe('s3://whole-bucket');
  });

  it('says that a bucket does not exist, rather than that objects do not', async () => {
    const store = openS3Store({ bucket: 'no-such-bucket', prefix: 'p' });
    const refusal = {
      code: 'unavailable',
      message: expect.stringContaining('no-such-bucket does not exist'),
    };
    await expect(store.get('a')).rejects.toMatchObject(refusal);
    await expect(store.put('a', new Uint8Array(), { absent: true })).rejects.toMatchObject(refusal);
    await expect(listed(store, '')).rejects.toMatchObject(refusal);
  });

  it('is refused with a wrong secret in one line without secrets', async () => {
    process.env.AWS_SECRET_ACCESS_KEY = 'guessed-secret';
    try {
      const read = openS3Store({ bucket, prefix: 'p' }).get('a');
      const error: Error = await read.then(
        () => expect.fail(),
        thrown => thrown,
      );
      expect(error).toMatchObject({ code: 'forbidden' });
      expect(error.cause).toBeUndefined();
      expect(error.message).not.toMatch(/\n|guessed|test-secret|test-access/);
    } finally {
      Object.assign(process.env, server.env);
    }
  });
});
