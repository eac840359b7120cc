/** MinIO, a second opinion on what S3 means: found where test/store/install-minio.sh puts it, started with an empty disk. */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateBucketCommand, S3Client } from '@aws-sdk/client-s3';
import { answering, clientEnv, freePort, type S3Server } from './versitygw.ts';

export const howToGetIt =
  'no MinIO found: run "bash test/store/install-minio.sh" (minutes), or set VENEER_MINIO to its path';

/** Path of the program, or undefined where there is none. */
export function findMinio(): string | undefined {
  const named = process.env.VENEER_MINIO;
  if (named) {
    if (existsSync(named)) return named;
    throw new Error(`VENEER_MINIO=${named}: there is no such file`);
  }
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return [join(cache, 'veneer/bin/minio-20260212')].find(path => existsSync(path));
}

export async function startMinio(program: string): Promise<S3Server> {
  const disk = await mkdtemp(join(tmpdir(), 'veneer-minio-'));
  const [address, console] = [`127.0.0.1:${await freePort()}`, `127.0.0.1:${await freePort()}`];
  const env = clientEnv(address);
  const child = spawn(
    program,
    ['server', '--quiet', '--address', address, '--console-address', console, disk],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...{ PATH: process.env.PATH, HOME: disk },
        ...{ MINIO_ROOT_USER: env.AWS_ACCESS_KEY_ID, MINIO_ROOT_PASSWORD: env.AWS_SECRET_ACCESS_KEY },
        // It asks nobody for a newer version, and takes a folder of the system's own disk.
        ...{ MINIO_BROWSER: 'off', MINIO_UPDATE: 'off', MINIO_CI_CD: '1' },
      },
    },
  );
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', piece => {
      said += piece;
    });
  const ended = new Promise<void>(done => child.once('close', () => done()));
  // Ready once it takes requests, which is after it answers at all.
  await answering(`${env.AWS_ENDPOINT_URL}/minio/health/ready`, () =>
    child.exitCode === null ? undefined : `minio: ${said}`,
  );
  const client = new S3Client({
    ...{ endpoint: env.AWS_ENDPOINT_URL, region: env.AWS_REGION, forcePathStyle: true },
    credentials: { accessKeyId: env.AWS_ACCESS_KEY_ID, secretAccessKey: env.AWS_SECRET_ACCESS_KEY },
  });
  return {
    env,
    async bucket(name) {
      await client.send(new CreateBucketCommand({ Bucket: name }));
      return name;
    },
    async stop() {
      client.destroy();
      child.kill();
      await ended;
      await rm(disk, { recursive: true, force: true });
    },
  };
}
