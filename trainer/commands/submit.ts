/** `submit`: has AWS Batch train one adapter, many, or the trials of a search, each in a part of one job. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Command, InvalidArgumentError } from 'commander';
import { readBase } from '../../functions/artifacts/bases.ts';
import { VeneerError } from '../../functions/error.ts';
import { readText } from '../data/files.ts';
import { parseJson } from '../data/json.ts';
import { localPath } from '../data/remote.ts';
import { openJobQueue } from '../jobs/aws-batch.ts';
import { maxRuns, writePlan } from '../jobs/plan.ts';
import { argumentsOf, type RunLine, readRunLines } from '../jobs/run-options.ts';
import { waitForJob } from '../jobs/wait.ts';
import { sampleSettings } from '../search/sample.ts';
import { parseSpace } from '../search/space.ts';
import { trialName } from '../search/trials.ts';
import { cacheDir, openSharedStore, outputOf, real, type SharedOptions, shared, whole } from './command.ts';
import { parseRemoteTrain, parseTrain, trainParser } from './remote-run.ts';
import { checkSpace } from './search-options.ts';
import type { TrainFlags } from './train.ts';

interface Flags extends SharedOptions {
  queue: string;
  definition: string;
  name?: string;
  runs?: string;
  space?: string;
  trials: number;
  wait: boolean;
  pollSeconds: number;
}

function jobName(text: string): string {
  if (/^[A-Za-z0-9][\w-]{0,127}$/.test(text)) return text;
  throw new InvalidArgumentError('It must be letters, digits, "-" and "_", at most 128.');
}

const read = async (path: string) => (await readText(await localPath(path, cacheDir))).text;

const placeOf = (out: string) => out.replace(/\/+$/, '');

/** The command lines of all runs, from what they have in common. */
async function runLines(given: readonly string[], { runs, space: file, trials }: Flags): Promise<RunLine[]> {
  const [command, ...common] = given;
  if (command !== 'train')
    throw new VeneerError(
      'usage',
      'say what is to be done behind two dashes: submit --queue Q ... -- train ...',
    );
  if (runs !== undefined && file !== undefined)
    throw new VeneerError('usage', '--runs and --space are two ways to say what the parts of a job do');
  if (runs !== undefined)
    return readRunLines(await read(runs), runs).map(({ where, args }) => ({
      where,
      args: [...common, ...args],
    }));
  if (file === undefined) return [{ where: 'train', args: common }];
  const space = parseSpace(parseJson(await read(file), file), file);
  checkSpace(trainParser(), space, file);
  const { out, seed } = parseTrain(common);
  return sampleSettings(space, { trials, seed }).map((settings, i) => {
    const where = `trial ${i}`;
    const own = [...argumentsOf(settings, where), '--out', `${placeOf(out)}/${trialName(i)}`];
    return { where, args: [...common, ...own] };
  });
}

/** @throws VeneerError `usage` for a line that cannot be read or means this machine, and where two runs share a place. */
function checkRuns(lines: readonly RunLine[]): TrainFlags[] {
  if (lines.length > maxRuns)
    throw new VeneerError('usage', `${lines.length} runs: AWS Batch takes ${maxRuns} in a job at most`);
  const all = lines.map(parseRemoteTrain);
  const places = new Map<string, string>();
  for (const [i, { out }] of all.entries()) {
    const place = placeOf(out);
    const other = places.get(place);
    const { where } = lines[i]!;
    if (other !== undefined) throw new VeneerError('usage', `${where}: --out ${out} is that of ${other} too`);
    places.set(place, where);
  }
  return all;
}

export function submitCommand(program: Command): void {
  shared(program.command('submit'))
    .description('have AWS Batch train: one adapter, many (--runs), or the trials of a search (--space)')
    .argument('[train...]', 'behind two dashes: train and its options, with data and --out in S3')
    .requiredOption('--queue <queue>', 'name or ARN of the job queue, as sst deploy printed it')
    .requiredOption('--definition <definition>', 'name or ARN of the job definition')
    .option('--name <name>', 'name of the job (default by what it does)', jobName)
    .option(
      '--runs <file>',
      'a run a line: {"data": "s3://...", "out": "s3://...", "rank": 4}, added to the options of train',
    )
    .option(
      '--space <file>',
      'as of search: a trial each for settings drawn out of it, in OUT/trial-000 and on',
    )
    .option('--trials <n>', 'with --space: settings to try', whole(1, maxRuns), 20)
    .option('--wait', 'until it is over; failed parts fail the command', false)
    .option('--poll-seconds <x>', 'waiting: seconds between questions', real(0, 3600, true), 15)
    .action(async (given: string[], flags: Flags) => {
      const output = outputOf(flags);
      if (!flags.store.startsWith('s3://'))
        throw new VeneerError(
          'usage',
          `--store ${flags.store}: a job is on another machine: give s3://BUCKET`,
        );
      const lines = await runLines(given, flags);
      const runs = checkRuns(lines);
      const store = await openSharedStore(flags);
      // Before anything starts that costs.
      for (const base of new Set(runs.map(each => each.base))) await readBase(store, base);
      const plan = await writePlan(
        store,
        lines.map(({ args }) => args),
      );
      const queue = await openJobQueue();
      const name = flags.name ?? `train-${plan.slice(0, 12)}`;
      const id = await queue.submit({
        ...{ name, queue: flags.queue, definition: flags.definition, size: lines.length },
        command: ['run-job', plan, '--store', flags.store],
      });
      const outs = runs.map(({ out }) => out);
      const submitted = { job: id, name, plan, runs: lines.length, out: outs };
      const line = `${id}: ${name}, ${lines.length} run${lines.length === 1 ? '' : 's'}`;
      if (!flags.wait) {
        output.result(submitted, line);
        return;
      }
      output.log(line);
      const pause = () => sleep(flags.pollSeconds * 1000);
      const { status, failed } = await waitForJob(queue, { id, log: output.log, pause });
      if (status === 'FAILED') {
        const shown = failed.slice(0, 5).map(({ index, reason }) => `${outs[index]} (${reason})`);
        const more = failed.length > 5 ? ` and ${failed.length - 5} more` : '';
        throw new VeneerError(
          'training_failed',
          `job ${id}: ${failed.length} of ${lines.length} failed: ${shown.join(', ')}${more}`,
        );
      }
      output.result({ ...submitted, status }, ...outs);
    });
}
