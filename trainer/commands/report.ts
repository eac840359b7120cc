/** `report`: one HTML page about a run. */
import { basename, join, resolve } from 'node:path';
import type { Command } from 'commander';
import type { Store } from '../../functions/store/store.ts';
import { readAdapterDirectory, replaceFile } from '../adapter-directory.ts';
import type { ColumnOptions } from '../data/columns.ts';
import { calibrationOf } from '../report/calibration.ts';
import { readCurves } from '../report/curves.ts';
import { type Inspection, inspect } from '../report/inspect.ts';
import { isStoreUrl, runDirectory } from '../stored-run.ts';
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
import { evaluateAdapter } from './evaluate.ts';

export interface ReportOptions {
  /** Directory that `train` left. */
  run: string;
  /** What to score; without it the page tells only of the training. */
  data?: string;
  columns: ColumnOptions;
  out: string;
  threads: number;
}

export async function report(store: Store, options: ReportOptions, log: (line: string) => void) {
  const { run, data, columns, out, threads } = options;
  const { manifest } = await readAdapterDirectory(run);
  const curves = await readCurves(run);
  let inspection: Inspection | undefined;
  const evaluated =
    data === undefined
      ? undefined
      : await evaluateAdapter(
          store,
          {
            ...{ adapter: run, data, columns, threads },
            inspect: async answers => {
              inspection = await inspect(answers);
            },
          },
          log,
        );
  // Only here, since what draws takes longer to load than most commands run.
  const { reportPage } = await import('../report/report.ts');
  const page = reportPage(
    { name: nameOf(run), manifest, curves },
    evaluated && inspection && { ...evaluated, data: nameOf(data!), inspection },
  );
  await replaceFile(out, Buffer.from(page));
  const findings = inspection?.findings;
  return {
    out,
    bytes: Buffer.byteLength(page),
    task: manifest.task,
    metrics: evaluated?.metrics ?? manifest.metrics.served,
    ...(evaluated ? { examples: evaluated.examples } : {}),
    ...(findings
      ? {
          mistakes: findings.mistaken,
          ...(findings.judged.answers.length > 0
            ? { calibrationError: calibrationOf(findings.judged.answers).expectedError }
            : {}),
        }
      : {}),
  };
}

/** A path as a title. */
const nameOf = (path: string) => basename(resolve(path));

export function reportCommand(program: Command): void {
  dataFlags(shared(program.command('report')))
    .description('write one HTML page about a run: curves, confusions, calibration, worst examples')
    .argument('<run>', 'what trainer train left, on disk or s3://bucket/prefix')
    .option('--data <path>', 'file, or directory whose test (else dev, else train) split is scored for it')
    .option('--out <file>', 'the page (default: report.html in the run; here, of one in S3)')
    .option('--threads <n>', 'threads of one run', whole(1, 256), defaultThreads)
    .action(
      async (
        run: string,
        flags: SharedOptions & DataFlags & { data?: string; out?: string; threads: number },
      ) => {
        const output = outputOf(flags);
        const columns = await columnOptions(flags);
        const directory = await runDirectory(run, cacheDir);
        const out = flags.out ?? join(isStoreUrl(run) ? '.' : run, 'report.html');
        const options = { ...flags, run: directory, columns, out };
        const result = await report(await openSharedStore(flags), options, output.log);
        output.result(result, `${result.out}: ${Math.ceil(result.bytes / 1000)} kB`);
      },
    );
}
