/**
 * A lock between processes of one machine, held for milliseconds, as a file that link(2) makes whole or not at all.
 * A holder that died is replaced by exactly one successor; a live holder is waited for.
 */
import { randomBytes } from 'node:crypto';
import { readlinkSync } from 'node:fs';
import { link, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { VeneerError } from '../error.ts';

interface Holder {
  pid: number;
  /** Where the pid means something. */
  machine: string;
  /** Never used twice. */
  nonce: string;
}

const maxWaitMs = 10_000;
/** A lock this old has lost its holder even where the pid cannot be asked: another machine, or a pid used again. */
const maxAgeMs = 60_000;

export async function withLock<T>(path: string, work: () => Promise<T>): Promise<T> {
  const me: Holder = { pid: process.pid, machine: machine(), nonce: randomBytes(8).toString('hex') };
  await acquire(path, me);
  try {
    return await work();
  } finally {
    if ((await readHolder(path))?.nonce === me.nonce) await rm(path, { force: true });
  }
}

async function acquire(path: string, me: Holder): Promise<void> {
  const deadline = Date.now() + maxWaitMs;
  const mine = `${path}.${me.nonce}`;
  await writeFile(mine, JSON.stringify(me), { flag: 'wx', mode: 0o600 });
  try {
    for (;;) {
      if (await linked(mine, path)) return;
      const holder = await readHolder(path);
      if (holder && (await isGone(holder, path))) {
        if (await replace(path, holder, mine)) return;
      } else if (Date.now() > deadline) {
        throw new VeneerError(
          'unavailable',
          `${path} is held by process ${holder?.pid ?? '?'}: try again, or delete it if nothing runs`,
        );
      } else {
        await sleep(1 + Math.random() * 9);
      }
    }
  } finally {
    await rm(mine, { force: true });
  }
}

/**
 * Only whoever holds the lock named after the dead holder may replace it, and only while it is still that holder's:
 * so a slow second replacer cannot throw out the first one's lock.
 */
function replace(path: string, dead: Holder, mine: string): Promise<boolean> {
  return withLock(`${path}-${dead.nonce}`, async () => {
    if ((await readHolder(path))?.nonce !== dead.nonce) return false;
    await rename(mine, path);
    return true;
  });
}

async function linked(from: string, to: string): Promise<boolean> {
  try {
    await link(from, to);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

async function readHolder(path: string): Promise<Holder | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as Holder;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function isGone(holder: Holder, path: string): Promise<boolean> {
  if (holder.machine === machine() && !isAlive(holder.pid)) return true;
  try {
    return Date.now() - (await stat(path)).mtimeMs > maxAgeMs;
  } catch {
    return false; // released in between
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH';
  }
}

/** Containers may share a host name and a volume but not their process ids. */
function machine(): string {
  try {
    return `${hostname()} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return hostname();
  }
}
