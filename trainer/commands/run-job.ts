/** `run-job`: what a part of a submitted job does in its container: its own run of the plan, from where it was interrupted. */
import type { Command } from 'commander';
import { VeneerError } from '../../functions/error.ts';
import { readPlan } from '../jobs/plan.ts';
import { openSharedStore, outputOf, type SharedOptions, shared } from './command.ts';
import { parseTrain } from './remote-run.ts';
import { trainByFlags } from './train.ts';

/** AWS Batch sets it in the parts of an array, and in no other job. */
const indexVariable = 'AWS_BATCH_JOB_ARRAY_INDEX';

function partOf(env: NodeJS.ProcessEnv, runs: readonly string[][]): string[] {
  const text = env[indexVariable] || '0';
  const run = /^\d{1,5}$/.test(text) ? runs[Number(text)] : undefined;
  if (run) return run;
  throw new VeneerError(
    'usage',
    `${indexVariable} is ${JSON.stringify(text)}: the plan has ${runs.length} runs`,
  );
}

export function runJobCommand(program: Command): void {
  shared(program.command('run-job'))
    .description('train what a submitted job says, for its part of it (run by AWS Batch)')
    .argument('<plan>', 'digest of the plan in the store')
    .action(async (plan: string, flags: SharedOptions) => {
      const output = outputOf(flags);
      const { runs } = await readPlan(await openSharedStore(flags), plan);
      const args = partOf(process.env, runs);
      output.log(`train ${args.join(' ')}`);
      const told = parseTrain(args);
      const result = await trainByFlags({ ...told, ...flags, resume: true }, output.log);
      output.result(result, `${result.out}: ${result.steps} steps in ${result.seconds.toFixed(1)} s`);
    });
}
