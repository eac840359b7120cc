/** `collect`: ranks the runs that a job left in the store. */
import type { Command } from 'commander';
import { openStore } from '../../functions/store/open.ts';
import { type CollectedRun, collectRuns } from '../jobs/collect.ts';
import { differingSettings } from '../report/settings.ts';
import { outputOf } from './command.ts';
import { alignColumns } from './table.ts';

export function collectCommand(program: Command): void {
  program
    .command('collect')
    .description('rank the runs that submit left under one place, the best first')
    .argument('<place>', 's3://bucket/prefix, as --out without the run’s own name')
    .option('--json', 'print one JSON line at the end, messages on stderr', false)
    .action(async (place: string, flags: { json: boolean }) => {
      const runs = await collectRuns(await openStore(place));
      const settings = differingSettings(runs.map(({ manifest }) => manifest));
      const best = runs.find(({ score }) => score !== undefined);
      outputOf(flags).result(
        {
          runs: runs.map(({ manifest: _, ...run }, i) => ({ ...run, settings: settings[i] })),
          ...(best ? { best: best.out } : {}),
        },
        ...table(runs, settings),
        ...(best ? [`best: ${best.out}`] : []),
      );
    });
}

function table(runs: readonly CollectedRun[], settings: readonly Record<string, string>[]): string[] {
  const rows = runs.map(({ name, status, score }, i) => [
    ...[String(i + 1), name, status, score?.toFixed(4) ?? '-'],
    Object.entries(settings[i]!)
      .map(([option, value]) => `${option} ${value}`)
      .join(', '),
  ]);
  const metric = runs.find(run => run.metric !== undefined)?.metric ?? 'score';
  return alignColumns([['rank', 'run', 'status', metric, 'settings'], ...rows]);
}
