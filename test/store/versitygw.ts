/** A real S3 server for tests: finds versitygw, starts it on a free port of 127.0.0.1 with an empty disk, stops it. */
import { execFile, execFileSync, spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { delimiter, join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const source = 'github.com/versity/versitygw/cmd/versitygw@v1.8.0';
const built = resolve('node_modules/.cache/versitygw-v1.8.0');

export const howToGetIt = `no versitygw found: run "go install ${source}", or set VENEER_VERSITYGW to its path`;

export interface S3Server {
  /** What the AWS SDK reads. */
  env: Record<string, string>;
  /** A new, empty bucket. */
  bucket(name: string): Promise<string>;
  stop(): Promise<void>;
}

/** Path of the program, or undefined where there is none. Builds it, in over a minute, in CI or where asked to. */
export async function findVersitygw(): Promise<string | undefined> {
  const named = process.env.VENEER_VERSITYGW;
  if (named) {
    if (existsSync(named)) return named;
    throw new Error(`VENEER_VERSITYGW=${named}: there is no such file`);
  }
  const folders = [...(process.env.PATH ?? '').split(delimiter), ...goFolders(), built];
  const found = folders.map(folder => join(folder, 'versitygw')).find(path => existsSync(path));
  if (found) return found;
  if (process.env.CI !== 'true' && process.env.VENEER_BUILD_VERSITYGW !== '1') return undefined;
  if (goFolders().length === 0) return undefined;
  await promisify(execFile)('go', ['install', source], { env: { ...process.env, GOBIN: built } });
  return join(built, 'versitygw');
}

/** Where `go install` puts programs; empty without Go. */
function goFolders(): string[] {
  try {
    const answer = execFileSync('go', ['env', 'GOBIN', 'GOPATH'], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
    const [bin, path] = answer.split('\n');
    return [bin, path && join(path, 'bin')]
      .filter(folder => folder !== undefined)
      .filter(folder => folder !== '');
  } catch {
    return existsSync(join(homedir(), 'go/bin')) ? [join(homedir(), 'go/bin')] : [];
  }
}

export async function startVersitygw(program: string): Promise<S3Server> {
  const disk = await mkdtemp(join(tmpdir(), 'veneer-s3-'));
  const data = join(disk, 'data');
  await mkdir(data);
  const address = `127.0.0.1:${await freePort()}`;
  const env = clientEnv(address);
  const keys = ['--access', env.AWS_ACCESS_KEY_ID, '--secret', env.AWS_SECRET_ACCESS_KEY];
  const child = spawn(program, ['--quiet', ...keys, '--port', address, 'posix', data], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let complaint = '';
  child.stderr.on('data', piece => {
    complaint += piece;
  });
  const ended = new Promise<void>(done => child.once('close', () => done()));
  await answering(env.AWS_ENDPOINT_URL, () =>
    child.exitCode === null ? undefined : `versitygw: ${complaint}`,
  );

  return {
    env,
    async bucket(name) {
      await mkdir(join(data, name));
      return name;
    },
    async stop() {
      child.kill();
      await ended;
      await rm(disk, { recursive: true, force: true });
    },
  };
}

/** What the AWS SDK reads of a server at an address, and the keys that the server is started with. */
export const clientEnv = (address: string) => ({
  AWS_ENDPOINT_URL: `http://${address}`,
  AWS_REGION: 'us-east-1',
  AWS_ACCESS_KEY_ID: 'test-access',
  AWS_SECRET_ACCESS_KEY: 'test-secret',
  AWS_EC2_METADATA_DISABLED: 'true',
});

/** @param ended What a server said that is there no more. */
export async function answering(url: string, ended: () => string | undefined): Promise<void> {
  for (let tries = 0; tries < 300; tries++) {
    const complaint = ended();
    if (complaint !== undefined) throw new Error(`ended at once: ${complaint}`);
    if (await fetch(url).catch(() => undefined)) return;
    await sleep(100);
  }
  throw new Error(`${url} did not answer within 30 s`);
}

export function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer().once('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address ? address.port : 0));
    });
  });
}
