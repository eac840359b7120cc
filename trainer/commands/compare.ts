/** `compare`: runs side by side, as a table and, where asked for, a page. */
import { basename, resolve } from 'node:path';
import type { Command } from 'commander';
import { readAdapterDirectory, replaceFile } from '../adapter-directory.ts';
import { type ComparedRun, compareRuns, type Row } from '../report/comparison.ts';
import { readCurves } from '../report/curves.ts';
import { outputOf, type SharedOptions, shared } from './command.ts';
import { alignColumns } from './table.ts';

async function readRuns(directories: readonly string[]): Promise<ComparedRun[]> {
  const short = directories.map(directory => basename(resolve(directory)));
  const names = new Set(short).size === short.length ? short : directories;
  const runs: ComparedRun[] = [];
  for (const [i, directory] of directories.entries()) {
    const { manifest } = await readAdapterDirectory(directory);
    runs.push({ name: names[i]!, manifest, curves: await readCurves(directory) });
  }
  return runs;
}

export async function compare(directories: readonly string[], out: string | undefined) {
  const runs = await readRuns(directories);
  const comparison = compareRuns(runs);
  if (out !== undefined) {
    // Only here, since what draws takes longer to load than most commands run.
    const { comparisonPage } = await import('../report/comparison-page.ts');
    await replaceFile(out, Buffer.from(comparisonPage(runs, comparison)));
  }
  return { runs, comparison };
}

/** The best of a row carries an asterisk. */
function linesOf(names: readonly string[], rows: readonly Row[]): string[] {
  return alignColumns([
    ['', ...names],
    ...rows.map(({ name, cells, best }) => [
      name,
      ...cells.map((cell, i) => `${(cell || '-').replaceAll(/\s/g, ' ')}${best.includes(i) ? ' *' : ''}`),
    ]),
  ]);
}

export function compareCommand(program: Command): void {
  shared(program.command('compare'))
    .description('show how runs differ and what each scored')
    .argument('<run...>', 'directories of trainer train')
    .option('--out <file>', 'write an HTML page with their curves too')
    .action(async (directories: string[], flags: SharedOptions & { out?: string }) => {
      const output = outputOf(flags);
      const { runs, comparison } = await compare(directories, flags.out);
      const names = runs.map(({ name }) => name);
      const result = {
        task: comparison.task,
        runs: runs.map(({ name, manifest, curves: { total } }, i) => ({
          name,
          options: Object.fromEntries(comparison.options.map(row => [row.name, row.cells[i]])),
          metrics: manifest.metrics,
          ...(total ? { steps: total.steps, seconds: total.seconds } : {}),
        })),
        ...(flags.out === undefined ? {} : { out: flags.out }),
      };
      output.result(result, ...linesOf(names, [...comparison.options, ...comparison.results]));
    });
}
