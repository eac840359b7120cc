import { spawn } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import { listed, storeCases } from './store.cases.ts';

const text = (value: string) => new TextEncoder().encode(value);
let scratch: string;
let stores = 0;

beforeAll(async () => {
  scratch = await mkdtemp(join(tmpdir(), 'veneer-store-'));
});
afterAll(async () => {
  await rm(scratch, { recursive: true, force: true });
});

const freshPath = () => join(scratch, `store-${stores++}`);

describe('a directory store', () => {
  storeCases(async () => openDirectoryStore(freshPath()));

  it('says where an object lies, whether or not it is there', async () => {
    const path = freshPath();
    const store = openDirectoryStore(path);
    expect(store.localPath?.('a/b')).toBe(join(path, 'a/b'));
    await store.put('a/b', text('here'));
    expect(await readFile(store.localPath!('a/b'), 'utf8')).toBe('here');
    expect(() => store.localPath?.('../b')).toThrow(/no store key/);
    expect(store.url).toBe(`file:${path}`);
  });

  it('lets only its owner read', async () => {
    const path = freshPath();
    await openDirectoryStore(path).put('tenants/acme/keys/k.json', text('{}'));
    for (const folder of ['', 'tenants', 'tenants/acme', 'tenants/acme/keys'])
      expect((await stat(join(path, folder))).mode & 0o777).toBe(0o700);
    expect((await stat(join(path, 'tenants/acme/keys/k.json'))).mode & 0o777).toBe(0o600);
  });

  it('leaves no temporary and no lock file behind', async () => {
    const path = freshPath();
    const store = openDirectoryStore(path);
    const etag = await store.put('a/k', text('1'), { absent: true });
    await store.put('a/k', text('2'), { etag });
    await store.put('a/k', text('3'), { etag }).catch(() => undefined);
    await store.put('a/k', text('3'), { absent: true }).catch(() => undefined);
    await store.put('a/gone', text('4'));
    await store.delete('a/gone');
    expect(await readdir(join(path, 'a'))).toEqual(['k']);
  });

  it('lists neither files that are not its own nor empty folders', async () => {
    const path = freshPath();
    const store = openDirectoryStore(path);
    await store.put('a/k', text('1'));
    await mkdir(join(path, 'empty/deep'), { recursive: true });
    await mkdir(join(path, '.git'));
    for (const foreign of [
      '.tmp-0',
      '.lock-0',
      '.DS_Store',
      'README',
      'a/.tmp-1',
      'a/New file',
      '.git/config',
    ])
      await writeFile(join(path, foreign), 'x');
    await symlink('/etc/hostname', join(path, 'link'));
    expect(await listed(store, '')).toEqual(['a/k']);
  });

  it('refuses one key as the folder of another with a reason', async () => {
    const store = openDirectoryStore(freshPath());
    await store.put('a', text('1'));
    const refusal = { code: 'invalid_request', message: expect.stringContaining('folder of another') };
    await expect(store.put('a/b', text('2'))).rejects.toMatchObject(refusal);
    expect(await store.get('a/b')).toBeUndefined();
    await store.put('c/d', text('3'));
    await expect(store.put('c', text('4'))).rejects.toMatchObject(refusal);
    expect(await store.get('c')).toBeUndefined();
    expect(await listed(store, '')).toEqual(['a', 'c/d']);
  });

  const isRoot = process.getuid?.() === 0;
  if (isRoot) console.warn('a test of file permissions is skipped: root may write everywhere');
  it.skipIf(isRoot)('says so where the directory may not be written', async () => {
    const path = freshPath();
    await mkdir(path);
    await chmod(path, 0o500);
    await expect(openDirectoryStore(path).put('a/b', text('1'))).rejects.toMatchObject({ code: 'forbidden' });
  });
});

/** A program that adds to a number by compare-and-swap, as many times as it is told. */
const counting = `
  import { openDirectoryStore } from './functions/store/directory.ts';
  const [path, times] = process.argv.slice(2);
  const store = openDirectoryStore(path);
  for (let done = 0; done < Number(times); ) {
    const { bytes, etag } = await store.get('counter');
    const next = new TextEncoder().encode(String(Number(new TextDecoder().decode(bytes)) + 1));
    try {
      await store.put('counter', next, { etag });
      done++;
    } catch (error) {
      if (error.code !== 'conflict') throw error;
    }
  }`;
/** A program that takes the counter's lock and is killed while it holds it. */
const dying = `
  import { createHash } from 'node:crypto';
  import { withLock } from './functions/store/lock.ts';
  const name = createHash('sha256').update('counter').digest('hex').slice(0, 16);
  await withLock(process.argv[2] + '/.lock-' + name, () => process.kill(process.pid, 'SIGKILL'));
  setInterval(() => {}, 1000);`;

describe('a directory store between processes', () => {
  let programs: Record<'counting' | 'dying', string>;

  beforeAll(async () => {
    programs = { counting: join(scratch, 'counting.mjs'), dying: join(scratch, 'dying.mjs') };
    for (const [name, contents] of Object.entries({ counting, dying }))
      await build({
        stdin: { contents, resolveDir: process.cwd(), loader: 'ts' },
        outfile: join(scratch, `${name}.mjs`),
        bundle: true,
        platform: 'node',
        format: 'esm',
      });
  });

  function start(program: string, ...args: string[]) {
    const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'ignore', 'inherit'] });
    const ended = new Promise<number | string | null>(done =>
      child.once('exit', (code, signal) => done(code ?? signal)),
    );
    return { child, ended };
  }

  async function countedStore() {
    const path = freshPath();
    const store = openDirectoryStore(path);
    await store.put('counter', text('0'));
    const count = async () => Number(Buffer.from((await store.get('counter'))!.bytes).toString());
    return { path, count };
  }

  it('loses none of 4 x 25 additions, though a dead process held the lock at first', async () => {
    const { path, count } = await countedStore();
    expect(await start(programs.dying, path).ended).toBe('SIGKILL');
    expect((await readdir(path)).filter(name => name.startsWith('.lock-')).length).toBeGreaterThan(0);
    const ends = await Promise.all([1, 2, 3, 4].map(() => start(programs.counting, path, '25').ended));
    expect(ends).toEqual([0, 0, 0, 0]);
    expect(await count()).toBe(100);
  });

  it('goes on after processes are killed anywhere in their writes', async () => {
    const { path, count } = await countedStore();
    for (let round = 0; round < 5; round++) {
      const { child, ended } = start(programs.counting, path, '1000000');
      const before = await count();
      while ((await count()) === before) await sleep(1);
      child.kill('SIGKILL');
      await ended;
    }
    const before = await count();
    expect(await start(programs.counting, path, '10').ended).toBe(0);
    expect(await count()).toBe(before + 10);
    expect(await listed(openDirectoryStore(path), '')).toEqual(['counter']);
  });
});
