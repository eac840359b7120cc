/** A folder with a store, the tiny base in it and small data, in which commands run. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';
import { writeTinyBase } from '../tiny-base.ts';
import { type Ran, type Running, resultOf, runTrainer, startTrainer } from './trainer.ts';

export const topics =
  'text,label\nthe parcel was late,parcel\nrefund the money,refund\n"thanks, great",praise\nparcel broken,parcel\n';

export interface Workspace {
  folder: string;
  /** What commands without --store use. */
  store: Store;
  path(name: string): string;
  /** Writes a file and returns its name. */
  write(name: string, content: string | Uint8Array): Promise<string>;
  run(...args: string[]): Promise<Ran>;
  start(...args: string[]): Running;
  /** `train` on a file by its extension, one epoch, into `--out run` unless `args` say otherwise. */
  train(data: string, ...args: string[]): Promise<Ran>;
  remove(): Promise<void>;
}

const taskOf = (data: string) =>
  data.endsWith('.conll')
    ? 'sequence-labeling'
    : data.endsWith('.json')
      ? 'question-answering'
      : 'classification';

/** Its `topics.csv` is `topics`, and `adapter` holds an adapter that was trained on it and scored. */
export async function openWorkspace(): Promise<Workspace> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-cli-'));
  const path = (name: string) => join(folder, name);
  const workspace: Workspace = {
    folder,
    store: openDirectoryStore(path('.veneer')),
    path,
    async write(name, content) {
      await writeFile(path(name), content);
      return name;
    },
    run: (...args) => runTrainer(args, { cwd: folder }),
    start: (...args) => startTrainer(args, { cwd: folder }),
    train: (data, ...args) =>
      runTrainer(
        [
          ...['train', '--task', taskOf(data), '--data', data, '--base', 'tiny', '--out', 'run'],
          ...['--epochs', '1', '--threads', '1', ...args],
        ],
        { cwd: folder },
      ),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
  await writeTinyBase(path('tiny'));
  await workspace.write('topics.csv', topics);
  resultOf(await workspace.run('pull-base', 'tiny', '--json'));
  resultOf(await workspace.train('topics.csv', '--eval-data', 'topics.csv', '--out', 'adapter', '--json'));
  return workspace;
}
