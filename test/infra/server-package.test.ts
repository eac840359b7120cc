/** A packaged server: it answers from its folder alone, and starts with the code that an earlier start left there. */
import { type ChildProcess, execFileSync, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import { type PackagedFile, packageServer } from '../../infra/package.ts';
import { fillStore, questions } from '../lambda/tenant.ts';

let folder: string;
let here: string;
let key: string;
let files: PackagedFile[];
let cacheFile: string;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-server-'));
  const made = join(folder, 'made');
  const { platform, arch: architecture } = process;
  files = await packageServer({ root: process.cwd(), outdir: made, platform, architecture });
  // Nothing in it may hold a path of where it was made.
  here = join(folder, 'server');
  await rename(made, here);
  cacheFile = join(here, `dist/main.js.${process.version}-${architecture}`);
  ({ key } = await fillStore(openDirectoryStore(join(folder, 'store'))));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Starts it, has it answer every question, stops it. */
async function answersOf(env: Record<string, string> = {}): Promise<string[]> {
  const child = spawn(process.execPath, [join(here, 'server.js')], {
    cwd: folder,
    env: {
      ...{ VENEER_STORE: 'file:store', VENEER_CACHE_DIR: join(folder, 'cache'), PORT: '0' },
      ...{ VENEER_WORKERS: '0', VENEER_DRAIN_DELAY_MS: '0', ...env },
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const log = text(child.stderr);
  const ended = once(child, 'close');
  try {
    const url = await firstLine(child, log);
    const bodies: string[] = [];
    for (const [path, body] of questions) {
      const response = await fetch(`${url}${path}`, {
        ...{ method: 'POST', body: JSON.stringify(body) },
        headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      });
      expect(response.status).toBe(200);
      bodies.push(await response.text());
    }
    for (const page of ['/docs', '/docs/swagger-ui.css', '/playground'])
      expect((await fetch(`${url}${page}`)).status).toBe(200);
    return bodies;
  } finally {
    child.kill('SIGTERM');
    expect((await ended)[0]).toBe(0);
  }
}

async function firstLine(child: ChildProcess, log: Promise<string>): Promise<string> {
  const line = await Promise.race([once(child.stdout!, 'data'), once(child, 'exit')]);
  if (!String(line[0]).startsWith('http')) throw new Error(await log);
  return String(line[0]).trim();
}

it('holds two bundles, the onnxruntime of one platform and the pages', () => {
  const native = `bin/napi-v6/${process.platform}/${process.arch}`;
  const paths = files.map(({ path }) => path).filter(path => !path.startsWith(native));
  expect(paths).toEqual([
    'dist/functions/engine/worker.js',
    'dist/main.js',
    'dist/worker.js',
    'node_modules/swagger-ui-dist/package.json',
    'node_modules/swagger-ui-dist/swagger-ui-bundle.js',
    'node_modules/swagger-ui-dist/swagger-ui.css',
    'package.json',
    'server.js',
  ]);
});

describe('its code cache', () => {
  it('is left by the first start and used by the next, which answers the same', async () => {
    const first = await answersOf();
    const left = await stat(cacheFile);
    expect(left.size).toBeGreaterThan(300_000);
    expect(await answersOf()).toEqual(first);
    // A start that could not use it would have written another.
    expect((await stat(cacheFile)).ino).toBe(left.ino);
    expect(await answersOf({ VENEER_WORKERS: '2' })).toEqual(first);
    expect((await readdir(join(here, 'dist'))).length).toBe(4);
  });

  it.each([
    ['damaged', (cache: Buffer) => cache.fill(7, cache.length / 2, cache.length / 2 + 1000)],
    ['cut off', (cache: Buffer) => cache.subarray(0, 1000)],
    ['empty', () => Buffer.alloc(0)],
  ])('is made again where it is %s', async (_, harm) => {
    const harmed = harm(await readFile(cacheFile));
    await writeFile(cacheFile, harmed);
    await answersOf();
    expect((await readFile(cacheFile)).equals(harmed)).toBe(false);
  });

  it('is done without where it cannot be written', async () => {
    await rm(cacheFile);
    // Stands in its place, which no rename replaces.
    await mkdir(join(cacheFile, 'something'), { recursive: true });
    await answersOf();
    expect(await readdir(join(here, 'dist'))).toHaveLength(4);
    await rm(cacheFile, { recursive: true });
  });

  it('is of the very bundle: another of the same length runs as itself', async () => {
    const bundle = join(here, 'dist/main.js');
    const say = async (word: string) => {
      await writeFile(bundle, `process.stdout.write('${word}')`);
      return execFileSync(process.execPath, [join(here, 'server.js')], { encoding: 'utf8' });
    };
    expect([await say('one'), await say('one'), await say('two'), await say('two')]).toEqual([
      'one',
      'one',
      'two',
      'two',
    ]);
  });
});

describe('npm run package', () => {
  const run = (...args: string[]) =>
    spawnSync(process.execPath, ['dist/infra/package-server.js', ...args], { encoding: 'utf8' });

  it('fills a new folder, and one that it filled before', async () => {
    const outdir = join(folder, 'commanded');
    for (const _ of [1, 2]) {
      const { status, stdout } = run(outdir);
      expect([status, stdout.startsWith(`node ${join(outdir, 'server.js')} # `)]).toEqual([0, true]);
    }
    expect((await stat(join(outdir, 'dist/main.js'))).size).toBeGreaterThan(300_000);
  });

  it('leaves a file that is in its place', async () => {
    const file = join(folder, 'file');
    await writeFile(file, 'kept');
    const { status, stderr } = run(file);
    expect([status, stderr.split('\n').length]).toEqual([2, 2]);
    expect(stderr).toContain('cannot be read as a folder: ENOTDIR');
    expect(await readFile(file, 'utf8')).toBe('kept');
  });

  it.each([
    ['no folder', [], 'name one folder'],
    ['two folders', ['a', 'b'], 'name one folder'],
    ['an unknown option', ['a', '--arch', 'x64'], "Unknown option '--arch'"],
    ['a processor that onnxruntime has nothing for', ['a', '--architecture', 'mips'], 'linux on mips'],
    ['a folder of something else', ['test'], "holds other files than a packaged server's"],
  ])('refuses %s in one line', (_, args, why) => {
    const { status, stderr } = run(...args, ...(args.includes('mips') ? ['--platform', 'linux'] : []));
    expect([status, stderr.split('\n').length]).toEqual([2, 2]);
    expect(stderr).toContain(why);
  });
});
