/**
 * Runs that lie in a store, `--out s3://bucket/runs/name`: worked on in a folder of this machine and kept in the store as
 * they grow, so that another machine can go on. Knows the files of a run, nothing of what is in them.
 */
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { sha256 } from '../functions/artifacts/digest.ts';
import { VeneerError } from '../functions/error.ts';
import { openStore } from '../functions/store/open.ts';
import { makeDirectory, replaceFile } from './adapter-directory.ts';
import { fisherFile } from './continual/fisher.ts';
import { replayFile } from './continual/replay.ts';
import { checkpointFiles } from './resume.ts';
import { runFiles } from './run-directory.ts';
import { stepsFile } from './step-log.ts';

/** Where a run is worked on. */
export interface Workplace {
  directory: string;
  /** Called when a checkpoint was written: keeps what the run needs to go on elsewhere. */
  keep(): Promise<void>;
  /** Called when the run is complete: keeps all of it, its manifest last. */
  finish(): Promise<void>;
  /** Leaves nothing of it on this machine, where its place is elsewhere. */
  close(): Promise<void>;
}

/** In the order in which they are kept: a step log may be ahead of its checkpoint, which cuts it off, and never behind. */
const resumable = [stepsFile, checkpointFiles.newest];
/** What makes a run complete, one or the other. */
const manifests: readonly string[] = ['manifest.json', runFiles.manifest];
/** What one run leaves and another does not. */
const results = [...manifests, 'adapter.safetensors', runFiles.parameters, replayFile, fisherFile];

export const isStoreUrl = (path: string) => /^(?:s3:\/\/|file:)/.test(path);

/** Of a run in a directory of this machine, the directory. */
export async function openWorkplace(
  out: string,
  { resume, log }: { resume: boolean; log(line: string): void },
): Promise<Workplace> {
  if (!isStoreUrl(out)) {
    const nothing = async () => {};
    return { directory: out, keep: nothing, finish: nothing, close: nothing };
  }
  const store = await openStore(out);
  const directory = await mkdtemp(join(tmpdir(), 'veneer-run-'));
  const close = () => rm(directory, { recursive: true, force: true });
  const put = async (name: string) => {
    const bytes = await readFile(join(directory, name)).catch(error => {
      if (error.code !== 'ENOENT') throw error;
    });
    if (bytes) await store.put(name, bytes);
  };
  try {
    for (const name of resumable) {
      if (!resume) {
        await store.delete(name);
        continue;
      }
      const found = await store.get(name);
      if (found) await replaceFile(join(directory, name), found.bytes);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return {
    directory,
    close,
    async keep() {
      try {
        for (const name of resumable) await put(name);
      } catch (error) {
        // The run need not end for it: the store still has the checkpoint before.
        if (!(error instanceof VeneerError)) throw error;
        log(`this checkpoint is on this machine only: ${error.message}`);
      }
    },
    async finish() {
      const names = (await readdir(directory)).filter(name => name !== checkpointFiles.previous);
      for (const name of results) if (!names.includes(name)) await store.delete(name);
      for (const name of names) if (!manifests.includes(name)) await put(name);
      for (const name of manifests) await put(name);
    },
  };
}

/**
 * A finished run as a directory of this machine: itself, or a copy of the one in the store.
 * @throws VeneerError `not_found` where the store has no finished run there.
 */
export async function runDirectory(path: string, cacheDir: string): Promise<string> {
  if (!isStoreUrl(path)) return path;
  const store = await openStore(path);
  const [adapter, run] = [await store.get(manifests[0]!), await store.get(manifests[1]!)];
  const manifest = adapter ?? run;
  if (!manifest)
    throw new VeneerError('not_found', `${path} holds no finished run: no ${manifests.join(' and no ')}`);
  // The last part is what reports call it.
  const directory = join(cacheDir, 'runs', sha256(manifest.bytes), basename(store.url));
  await makeDirectory(directory);
  for await (const name of store.list('')) {
    if (name.includes('/') || manifests.includes(name) || name === checkpointFiles.newest) continue;
    const found = await store.get(name);
    if (found) await replaceFile(join(directory, name), found.bytes);
  }
  await replaceFile(join(directory, adapter ? manifests[0]! : manifests[1]!), manifest.bytes);
  return directory;
}
