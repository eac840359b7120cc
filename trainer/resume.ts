/** Checkpoints of a run directory: the newest and the one before it, and whether a run may go on from them. */
import { access, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { VeneerError } from '../functions/error.ts';
import { removeFile, replaceFile } from './adapter-directory.ts';
import {
  type Checkpoint,
  DamagedCheckpoint,
  identityDigest,
  openCheckpoint,
  type RunIdentity,
  writeCheckpoint,
} from './checkpoint.ts';
import type { FitState } from './fit-state.ts';
import type { Layout } from './parameters.ts';

export const checkpointFiles = {
  newest: 'checkpoint.safetensors',
  previous: 'checkpoint.previous.safetensors',
} as const;
const newest = (out: string) => join(out, checkpointFiles.newest);
const previous = (out: string) => join(out, checkpointFiles.previous);

/** Writes the newest checkpoint and keeps the one it replaces. */
export async function saveCheckpoint(out: string, layout: Layout, checkpoint: Checkpoint): Promise<void> {
  try {
    await replaceFile(newest(out), writeCheckpoint(layout, checkpoint), previous(out));
  } catch (error) {
    if (!(error instanceof VeneerError)) throw error;
    const kept = await readFile(newest(out)).then(
      () => 'the checkpoint before it is whole, go on from it with --resume',
      () => 'there is no checkpoint before it',
    );
    throw new VeneerError(error.code, `${error.message}; ${kept}`, { cause: error });
  }
}

/** Once a run is finished, its last checkpoint is enough. */
export function removePrevious(out: string): Promise<void> {
  return removeFile(previous(out));
}

interface StartArguments extends ResumeArguments {
  resume: boolean;
}

/** The state to go on from, where the run is to be resumed and there is one. Otherwise old checkpoints go. */
export async function startState({ resume, ...args }: StartArguments): Promise<FitState | undefined> {
  const { out, log } = args;
  if (resume) {
    const state = await resumedState(args);
    log(
      state
        ? `resumed after step ${state.optimizer.steps}`
        : `no checkpoint in ${out}: training from the start`,
    );
    return state;
  }
  const isThere = await access(newest(out)).then(
    () => true,
    () => false,
  );
  await removeFile(newest(out));
  await removePrevious(out);
  if (isThere) log(`the checkpoint in ${out} is dropped: no --resume`);
  return undefined;
}

interface ResumeArguments {
  out: string;
  layout: Layout;
  run: RunIdentity;
  log(line: string): void;
}

/**
 * The newest state of the directory that is whole; undefined where there is no checkpoint yet.
 * @throws VeneerError where it is of another run, or where neither checkpoint is whole.
 */
async function resumedState({ out, layout, run, log }: ResumeArguments): Promise<FitState | undefined> {
  let damaged: DamagedCheckpoint | undefined;
  for (const path of [newest(out), previous(out)]) {
    const bytes = await readFile(path).catch(unless('ENOENT', path));
    if (!bytes) continue;
    try {
      const checkpoint = openCheckpoint(bytes, path);
      checkSameRun(checkpoint.run, run, path);
      const state = checkpoint.stateOf(layout);
      if (damaged) log(`${damaged.message}: going back to the checkpoint before it`);
      return state;
    } catch (error) {
      if (!(error instanceof DamagedCheckpoint)) throw error;
      damaged ??= error;
    }
  }
  if (damaged)
    throw new VeneerError(
      'invalid_artifact',
      `${damaged.message}, and no checkpoint before it is whole: train anew without --resume`,
    );
  return undefined;
}

const unless = (expected: string, path: string) => (cause: NodeJS.ErrnoException) => {
  if (cause.code === expected) return undefined;
  throw new VeneerError('invalid_artifact', `${path}: cannot be read (${cause.code})`, { cause });
};

function checkSameRun(saved: RunIdentity, now: RunIdentity, path: string): void {
  const refuse = (what: string, then: string, today: string) =>
    new VeneerError(
      'digest_mismatch',
      `${path}: ${what} (then sha256:${then}, now sha256:${today}): bring back what it was, or train anew without --resume`,
    );
  for (const split of new Set([...Object.keys(saved.datasets), ...Object.keys(now.datasets)])) {
    const [then = 'none', today = 'none'] = [saved.datasets[split], now.datasets[split]];
    if (then !== today) throw refuse(`the ${split} data changed since this checkpoint`, then, today);
  }
  const names = [...new Set([...Object.keys(saved.options), ...Object.keys(now.options)])];
  const changed = names.filter(name => valueDigest(saved, name) !== valueDigest(now, name));
  if (changed.length === 0) return;
  const list = changed.map(name => `${name} was ${text(saved.options[name])}, is ${text(now.options[name])}`);
  throw refuse(
    `other options than this checkpoint's: ${list.join('; ')}`,
    identityDigest(saved.options),
    identityDigest(now.options),
  );
}

const valueDigest = ({ options }: RunIdentity, name: string) => identityDigest({ value: options[name] });
const text = (value: unknown) => (value === undefined ? 'not given' : JSON.stringify(value));
