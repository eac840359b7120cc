/** `evaluate`: scores an adapter, by language if asked, or a sequence of runs on a sequence of tasks. */
import type { Command } from 'commander';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import type { ColumnOptions } from '../data/columns.ts';
import type { Evaluated } from '../evaluate.ts';
import { runDirectory } from '../stored-run.ts';
import { evaluateAllTasks } from './all-tasks.ts';
import { evaluateByLanguage } from './by-language.ts';
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
import { type AdapterChoice, metricsOf, openEvaluation } from './evaluation.ts';

export interface EvaluateOptions extends AdapterChoice {
  data: string;
  columns: ColumnOptions;
  /** Looks at the answers while the base is still open. */
  inspect?(evaluated: Evaluated): Promise<void>;
}

export async function evaluateAdapter(store: Store, options: EvaluateOptions, log: (line: string) => void) {
  const evaluation = await openEvaluation(store, options, log);
  try {
    const split = await evaluation.read(options.data, options.columns);
    evaluation.check(split);
    const evaluated = await evaluation.answer(split.examples);
    await options.inspect?.(evaluated);
    return {
      task: evaluation.manifest.task,
      examples: split.examples.length,
      metrics: metricsOf(evaluated),
    };
  } finally {
    await evaluation.close();
  }
}

interface Flags extends SharedOptions, DataFlags {
  data?: string;
  tenant?: string;
  threads: number;
  byLanguage?: boolean;
  languageColumn?: string;
  allTasks?: string[];
  withinTask?: boolean;
}

export function evaluateCommand(program: Command): void {
  dataFlags(shared(program.command('evaluate')))
    .description('score an adapter through the served path')
    .argument(
      '[adapter]',
      'what trainer train left, on disk or s3://bucket/prefix, or a reference (name, name@alias, name@sha256:...) with --tenant',
    )
    .option(
      '--data <path>',
      'file, or directory whose test (else dev, else train) split is used; on disk or s3://bucket/key',
    )
    .option('--tenant <tenant>', 'whose adapter the reference means')
    .option('--threads <n>', 'threads of one run', whole(1, 256), defaultThreads)
    .option(
      '--by-language',
      'a row for each language: --data is a directory of LANGUAGE.test.tsv files (dev, train, or no split; other formats too) or of LANGUAGE folders, or a file with a language column',
    )
    .option('--language-column <column>', 'with --by-language: its name (default language, lang or locale)')
    .option(
      '--all-tasks <run=data...>',
      'instead of an adapter: runs in the order of their training, each with the data of its task',
    )
    .option('--within-task', 'with --all-tasks: answers are chosen among the labels of the task alone')
    .action(async (adapter: string | undefined, flags: Flags) => {
      const output = outputOf(flags);
      checkFlags(adapter, flags);
      const columns = await columnOptions(flags);
      const store = await openSharedStore(flags);
      const { allTasks, withinTask = false, threads, byLanguage, languageColumn, tenant } = flags;
      if (allTasks) {
        const { lines, ...result } = await evaluateAllTasks(
          store,
          { pairs: allTasks, withinTask, columns, threads },
          output.log,
        );
        output.result(result, ...lines);
        return;
      }
      const choice = {
        adapter: tenant === undefined ? await runDirectory(adapter!, cacheDir) : adapter!,
        data: flags.data!,
        columns,
        threads,
        ...(tenant === undefined ? {} : { tenant }),
      };
      if (byLanguage) {
        const { lines, ...result } = await evaluateByLanguage(
          store,
          { ...choice, ...(languageColumn === undefined ? {} : { languageColumn }) },
          output.log,
        );
        output.result(result, ...lines);
        return;
      }
      const result = await evaluateAdapter(store, choice, output.log);
      const lines = Object.entries(result.metrics).map(([name, value]) => `${name} ${value.toFixed(4)}`);
      output.result(result, `${result.examples} examples`, ...lines);
    });
}

/** @throws VeneerError `usage` for options that do not go together. */
function checkFlags(adapter: string | undefined, flags: Flags): void {
  const { data, tenant, byLanguage, languageColumn, allTasks, withinTask } = flags;
  const refuse = (reason: string) => {
    throw new VeneerError('usage', reason);
  };
  if (languageColumn !== undefined && !byLanguage) refuse('--language-column goes with --by-language');
  if (withinTask && !allTasks) refuse('--within-task goes with --all-tasks');
  if (!allTasks) {
    if (adapter === undefined) refuse('name the adapter, or say --all-tasks RUN=DATA ...');
    if (data === undefined) refuse('--data is missing');
  } else if (adapter !== undefined || data !== undefined || tenant !== undefined || byLanguage)
    refuse('--all-tasks takes RUN=DATA pairs alone: no adapter, --data, --tenant or --by-language');
}
