/**
 * `npm run bench -- cold`: node start to first prediction, bundled, base and adapter on local disk, against `node -e 0`,
 * in turn.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { packageServer } from '../../infra/package.ts';
import { publishBenchAdapter } from './adapter.ts';
import { openBenchBase } from './base.ts';
import { median } from './child.ts';

const run = promisify(execFile);
const rounds = 25;

/** Milliseconds to the first output of a process, or to its end where it says nothing. */
async function timed(args: readonly string[]): Promise<{ ms: number; stdout: string }> {
  const started = performance.now();
  const running = run(process.execPath, args);
  let answered: number | undefined;
  running.child.stdout!.once('data', () => {
    answered = performance.now();
  });
  const { stdout } = await running;
  return { ms: (answered ?? performance.now()) - started, stdout };
}

export async function benchCold(): Promise<void> {
  const { store, manifest } = await openBenchBase();
  const { tenant, name } = await publishBenchAdapter(store, manifest);
  const folder = await mkdtemp(join(tmpdir(), 'veneer-cold-'));
  try {
    const task = join(folder, 'task');
    // Packaged as a server is, for this machine.
    await packageServer({
      ...{ root: process.cwd(), outdir: task, platform: process.platform, architecture: process.arch },
      entry: 'trainer/bench/cold-run.ts',
    });
    const outfile = join(task, 'server.js');
    const empty: number[] = [];
    const cold: number[] = [];
    const stages: Record<string, number[]> = {};
    for (let round = 0; round <= rounds; round++) {
      const bare = await timed(['-e', '0']);
      const full = await timed([outfile, store.url, manifest.name, tenant, name, folder]);
      // It fetched the base and left V8's code cache.
      if (round === 0) continue;
      empty.push(bare.ms);
      cold.push(full.ms);
      for (const [stage, ms] of Object.entries(JSON.parse(full.stdout) as Record<string, number>))
        stages[stage] = [...(stages[stage] ?? []), ms];
    }
    const table = {
      'node -e 0, ms': median(empty).toFixed(1),
      'first prediction, ms': median(cold).toFixed(1),
      ratio: (median(cold) / median(empty)).toFixed(2),
      ...Object.fromEntries(
        Object.entries(stages).map(([stage, values]) => [`${stage} at, ms`, median(values).toFixed(1)]),
      ),
    };
    console.table(table);
    await writeFile('bench-cold.json', `${JSON.stringify(table, null, 2)}\n`);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
