/** `evaluate`: scores an adapter, from a directory or from the store, through the served path. */
import { stat } from 'node:fs/promises';
import type { Command } from 'commander';
import { openAdapters } from '../../functions/adapters.ts';
import type { ResidentAdapter } from '../../functions/artifacts/adapter.ts';
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import { parseReference } from '../../functions/artifacts/names.ts';
import { readManifest, resolveReference } from '../../functions/artifacts/versions.ts';
import { type Base, openBase } from '../../functions/base.ts';
import type { Engine } from '../../functions/engine/engine.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import { readAdapterDirectory, residentOf } from '../adapter-directory.ts';
import type { ColumnOptions } from '../data/columns.ts';
import { localPath } from '../data/remote.ts';
import { encodeExample } from '../encode.ts';
import { onnxEngine } from '../engines/onnx.ts';
import { answer, type Evaluated, scoreOf } from '../evaluate.ts';
import { standIn } from '../forward-engine.ts';
import { isRunDirectory, type RunManifest, readRunDirectory } from '../run-directory.ts';
import { openRunEngine } from '../run-engine.ts';
import { trainingTasks } from '../tasks/tasks.ts';
import {
  cacheDir,
  defaultThreads,
  openSharedStore,
  outputOf,
  type SharedOptions,
  shared,
  whole,
} from './command.ts';
import { columnOptions, type DataFlags, dataFlags } from './data-flags.ts';
import { progressOf } from './progress.ts';

export interface EvaluateOptions {
  /** Directory of a trained adapter or, where a tenant is given, a reference in the store. */
  adapter: string;
  tenant?: string;
  data: string;
  columns: ColumnOptions;
  threads: number;
  /** Looks at the answers while the base is still open. */
  inspect?(evaluated: Evaluated): Promise<void>;
}

interface Located {
  manifest: AdapterManifest | RunManifest;
  load(base: Base): Promise<ResidentAdapter>;
  /** In place of the base's, where what was trained is not served. */
  engine?(base: Base): Promise<Engine>;
}

async function locate(store: Store, { adapter, tenant, threads }: EvaluateOptions): Promise<Located> {
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

export async function evaluateAdapter(store: Store, options: EvaluateOptions, log: (line: string) => void) {
  const { manifest, load, engine } = await locate(store, options);
  const task = trainingTasks[manifest.task];
  const reading = manifest.task === 'classification' ? { problem: manifest.problem } : {};
  const split = await task.readSplit(await localPath(options.data, cacheDir), {
    ...options.columns,
    ...reading,
  });
  for (const { reason, count } of split.skipped) log(`skipped ${count}: ${reason}`);
  task.checkKnown(split, manifest, 'the adapter');
  const base = await openBase({ store, name: manifest.base.name, cacheDir, workers: options.threads });
  const progress = progressOf(log);
  let own: Engine | undefined;
  try {
    const adapter = await load(base);
    own = await engine?.(base);
    const scored = { tokenizer: base.tokenizer, engine: own ?? base.engine };
    const context = { tokenizer: base.tokenizer, ...manifest };
    for (const example of split.examples) encodeExample(task, example, context);
    const onProgress = (done: number, total: number) => progress.update(done, total, 'evaluating');
    const { examples } = split;
    const evaluation = { base: scored, adapter, task, examples, onProgress };
    const outputs = await answer(evaluation);
    await options.inspect?.({ base: scored, adapter, task, examples, outputs });
    return { task: manifest.task, examples: examples.length, metrics: scoreOf(evaluation, outputs) };
  } finally {
    progress.stop();
    await own?.close();
    await base.engine.close();
  }
}

export function evaluateCommand(program: Command): void {
  dataFlags(shared(program.command('evaluate')))
    .description('score an adapter through the served path')
    .argument(
      '<adapter>',
      'directory of trainer train, or a reference (name, name@alias, name@sha256:...) with --tenant',
    )
    .requiredOption(
      '--data <path>',
      'file, or directory whose test (else dev, else train) split is used; on disk or s3://bucket/key',
    )
    .option('--tenant <tenant>', 'whose adapter the reference means')
    .option('--threads <n>', 'threads of one run', whole(1, 256), defaultThreads)
    .action(
      async (
        adapter: string,
        flags: SharedOptions & DataFlags & { data: string; tenant?: string; threads: number },
      ) => {
        const output = outputOf(flags);
        const store = await openSharedStore(flags);
        const columns = await columnOptions(flags);
        const result = await evaluateAdapter(store, { ...flags, adapter, columns }, output.log);
        const lines = Object.entries(result.metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
        output.result(result, `${result.examples} examples`, ...lines);
      },
    );
}
