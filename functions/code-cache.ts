/**
 * The entry `server.js` of a package (infra/package.ts). Runs the bundle with what V8 compiled of it in an earlier start (its code
 * cache, https://v8.dev/blog/code-caching-for-devs), as Python does with `__pycache__`: a start that only reads its functions
 * takes 11 ms less than one that compiles them. The cache lies beside the bundle, for whoever may write there may change the bundle as well. Where it is missing, damaged, of
 * another bundle or of another V8, the bundle is compiled as ever and a cache is left for the next start, if the folder
 * can be written.
 */
import { createHash } from 'node:crypto';
import { readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire, wrap } from 'node:module';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import type * as V8 from 'node:v8';
import { Script } from 'node:vm';
import { heapGrowth } from './heap-growth.ts';

/** A process that runs for so long has started: of what it runs later, much is not of the start. */
const startMs = 10_000;

// A start that finds a cache does without this millisecond.
const loadV8 = (): typeof V8 => createRequire(import.meta.url)('node:v8');

/** SHA-256 of source and cache, before the cache. V8 itself compares but the source's length. */
const digestBytes = 32;
const digestOf = (source: string, cache: Uint8Array) =>
  createHash('sha256').update(source).update(cache).digest();

/** @param file CommonJS, which `require` and the like are given to as Node gives them. */
function runBundle(file: string): void {
  const source = readFileSync(file, 'utf8');
  const cacheFile = `${file}.${process.version}-${process.arch}`;
  const cachedData = readCache(cacheFile, source);
  const script = new Script(wrap(source), { filename: file, ...(cachedData && { cachedData }) });
  if (script.cachedDataRejected !== false) onceStarted(() => writeCache(cacheFile, source, script));
  const module = { exports: {} };
  const run: (...given: unknown[]) => void = script.runInThisContext();
  run.call(module.exports, module.exports, createRequire(file), module, file, dirname(file));
}

function readCache(cacheFile: string, source: string): Buffer | undefined {
  let kept: Buffer;
  try {
    kept = readFileSync(cacheFile);
  } catch {
    return;
  }
  const cache = kept.subarray(digestBytes);
  return digestOf(source, cache).equals(kept.subarray(0, digestBytes)) ? cache : undefined;
}

/** Written aside and renamed: a process that starts meanwhile reads the one or the other. */
function writeCache(cacheFile: string, source: string, script: Script): void {
  const mine = `${cacheFile}.${process.pid}`;
  try {
    const cache = compiled(script);
    try {
      writeFileSync(mine, Buffer.concat([digestOf(source, cache), cache]), { flag: 'wx' });
      renameSync(mine, cacheFile);
    } finally {
      rmSync(mine, { force: true });
    }
  } catch {
    // A folder that only its owner writes is a good place for a server. It starts without.
  }
}

/** V8 refuses a cache made under other flags than it is read under, so the one that a server sets is taken back meanwhile. */
function compiled(script: Script): Buffer {
  const { cachedDataVersionTag, setFlagsFromString } = loadV8();
  const tag = cachedDataVersionTag();
  setFlagsFromString(heapGrowth.ofV8);
  try {
    return script.createCachedData();
  } finally {
    if (cachedDataVersionTag() !== tag) setFlagsFromString(heapGrowth.ofServer);
  }
}

function onceStarted(work: () => void): void {
  const done = () => {
    clearTimeout(timer);
    process.off('exit', done);
    work();
  };
  const timer = setTimeout(done, startMs).unref();
  process.once('exit', done);
}

runBundle(fileURLToPath(new URL('dist/main.js', import.meta.url)));
