/** Scoring of one adapter, from a directory or from the store, through the served path; the base stays open between splits. */
import { stat } from 'node:fs/promises';
import { openAdapters } from '../../functions/adapters.ts';
import type { ResidentAdapter } from '../../functions/artifacts/adapter.ts';
import type { AdapterManifest, Metrics } from '../../functions/artifacts/manifests.ts';
import { parseReference } from '../../functions/artifacts/names.ts';
import { readManifest, resolveReference } from '../../functions/artifacts/versions.ts';
import { type Base, openBase } from '../../functions/base.ts';
import type { Engine } from '../../functions/engine/engine.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import { readAdapterDirectory, residentOf } from '../adapter-directory.ts';
import type { ColumnOptions } from '../data/columns.ts';
import type { Split } from '../data/dataset.ts';
import { localPath } from '../data/remote.ts';
import { encodeExample } from '../encode.ts';
import { onnxEngine } from '../engines/onnx.ts';
import { answer, type Evaluated, scoreOf } from '../evaluate.ts';
import { parseTemplate } from '../few-shot/template.ts';
import { standIn } from '../forward-engine.ts';
import { isRunDirectory, type RunManifest, readRunDirectory } from '../run-directory.ts';
import { openRunEngine } from '../run-engine.ts';
import { trainingTasks } from '../tasks/tasks.ts';
import { cacheDir } from './command.ts';
import { progressOf } from './progress.ts';

export interface AdapterChoice {
  /** Directory of a trained adapter or, where a tenant is given, a reference in the store. */
  adapter: string;
  tenant?: string;
  threads: number;
}

export interface Evaluation {
  manifest: AdapterManifest | RunManifest;
  /** The split of a file or directory that is scored, read as the adapter's task reads it. */
  read(path: string, columns: ColumnOptions): Promise<Split<{ where: string }>>;
  /** @throws VeneerError naming what of the split the adapter does not know. */
  check(split: Split<{ where: string }>): void;
  answer(examples: readonly { where: string }[]): Promise<Evaluated>;
  close(): Promise<void>;
}

interface Located {
  manifest: AdapterManifest | RunManifest;
  load(base: Base): Promise<ResidentAdapter>;
  /** In place of the base's, where what was trained is not served. */
  engine?(base: Base): Promise<Engine>;
}

async function locate(store: Store, { adapter, tenant, threads }: AdapterChoice): Promise<Located> {
  if (tenant === undefined) {
    const isDirectory = await stat(adapter).then(
      entry => entry.isDirectory(),
      () => false,
    );
    if (!isDirectory)
      throw new VeneerError(
        'usage',
        `${adapter} is no directory; for an adapter in the store say --tenant too`,
      );
    if (await isRunDirectory(adapter)) {
      const run = await readRunDirectory(adapter);
      const options = { store, directory: adapter, engine: onnxEngine({ threads }), cacheDir };
      return {
        manifest: run.manifest,
        load: async () => standIn(run.manifest),
        engine: ({ manifest: base }) => openRunEngine(run, { ...options, base }),
      };
    }
    const directory = await readAdapterDirectory(adapter);
    return { manifest: directory.manifest, load: async base => residentOf(directory, base.manifest) };
  }
  const reference = parseReference(adapter);
  const digest = await resolveReference(store, tenant, reference);
  const pinned = `${reference.name}@sha256:${digest}`;
  return {
    manifest: await readManifest(store, { tenant, name: reference.name, digest }),
    load: base =>
      openAdapters({
        store,
        base: async () => base.manifest,
        budgetBytes: Number.POSITIVE_INFINITY,
        aliasTtlMs: 0,
        now: Date.now,
      }).get(tenant, pinned),
  };
}

export async function openEvaluation(
  store: Store,
  choice: AdapterChoice,
  log: (line: string) => void,
): Promise<Evaluation> {
  const { manifest, load, engine } = await locate(store, choice);
  const task = trainingTasks[manifest.task];
  const reading = manifest.task === 'classification' ? { problem: manifest.problem } : {};
  const base = await openBase({ store, name: manifest.base.name, cacheDir, workers: choice.threads });
  let own: Engine | undefined;
  const close = async () => {
    await own?.close();
    await base.engine.close();
  };
  try {
    const adapter = await load(base);
    own = await engine?.(base);
    const cloze = 'cloze' in manifest ? manifest.cloze : undefined;
    const tokenizer = cloze ? parseTemplate(cloze.template, base.tokenizer).tokenizer : base.tokenizer;
    const scored = { tokenizer, engine: own ?? base.engine };
    const context = { tokenizer, ...manifest };
    return {
      manifest,
      async read(path, columns) {
        const split = await task.readSplit(await localPath(path, cacheDir), { ...columns, ...reading });
        for (const { reason, count } of split.skipped) log(`skipped ${count}: ${reason}`);
        return split;
      },
      check: split => task.checkKnown(split, manifest, 'the adapter'),
      async answer(examples) {
        for (const example of examples) encodeExample(task, example, context);
        const progress = progressOf(log);
        const onProgress = (done: number, total: number) => progress.update(done, total, 'evaluating');
        try {
          const evaluation = { base: scored, adapter, task, examples, onProgress };
          return { base: scored, adapter, task, examples, outputs: await answer(evaluation) };
        } finally {
          progress.stop();
        }
      },
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

export const metricsOf = (evaluated: Evaluated): Metrics => scoreOf(evaluated, evaluated.outputs);
