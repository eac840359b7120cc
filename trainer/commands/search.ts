/** `search`: trains many adapters with settings out of a space, most of them for a while only, and ranks them. */
import { join } from 'node:path';
import type { Command } from 'commander';
import { openBase } from '../../functions/base.ts';
import { VeneerError } from '../../functions/error.ts';
import { publish } from '../../functions/publish.ts';
import type { Store } from '../../functions/store/store.ts';
import { makeDirectory, readAdapterDirectory } from '../adapter-directory.ts';
import { readText } from '../data/files.ts';
import { parseJson } from '../data/json.ts';
import { localPath } from '../data/remote.ts';
import { ladderOf } from '../search/asha.ts';
import { openJournal } from '../search/journal.ts';
import { describeSettings, search } from '../search/search.ts';
import { parseSpace, type Settings, type Space } from '../search/space.ts';
import { runTrainingTrial } from '../search/training-trial.ts';
import { ranked, type Trial, trialName } from '../search/trials.ts';
import { trainingTasks } from '../tasks/tasks.ts';
import { decidingOptions, type TrainOptions } from '../train-options.ts';
import { readTrainingData } from '../training-data.ts';
import { cacheDir, type Output, openSharedStore, outputOf, whole } from './command.ts';
import { interruptible } from './interrupt.ts';
import { checkSpace, settingFlags } from './search-options.ts';
import { alignColumns } from './table.ts';
import { engineOf, resolveOptions, type TrainFlags, trainFlags } from './train.ts';

interface SearchFlags {
  space: string;
  trials: number;
  parallel: number;
  eta: number;
  minEpochs: number;
  push: boolean;
  name?: string;
  alias: string;
}

type Flags = TrainFlags & SearchFlags;

/** What a search decides itself, or what makes no sense for many trainings at a time. */
const refused = { evalSteps: '--eval-steps', saveSteps: '--save-steps', logDir: '--log-dir', from: '--from' };

function checkFlags(flags: Flags): void {
  const given = Object.entries(refused).find(([name]) => flags[name as keyof Flags] !== undefined);
  if (given)
    throw new VeneerError('usage', `${given[1]}: not of a search, which evaluates and saves every epoch`);
  if (flags.devices !== 1)
    throw new VeneerError('usage', '--devices: not of a search, which runs trials side by side: --parallel');
  if (flags.push && (flags.tenant === undefined || flags.name === undefined))
    throw new VeneerError('usage', '--push: say whose adapter it becomes by --tenant and --name');
  if (!flags.push && (flags.tenant !== undefined || flags.name !== undefined))
    throw new VeneerError('usage', '--tenant and --name go with --push');
  if (flags.minEpochs > flags.epochs)
    throw new VeneerError('usage', `--min-epochs ${flags.minEpochs} is above --epochs ${flags.epochs}`);
}

/** Flags of `train` alone, without those that may differ from one start of a search to the next. */
function trainingFlags(flags: Flags): TrainFlags {
  const { space: _s, trials: _t, parallel: _p, eta: _e, minEpochs: _m, push: _u, ...rest } = flags;
  const { name: _n, alias: _a, tenant: _w, ...training } = rest;
  return { ...training, json: false, store: '', resume: true };
}

interface Searching {
  command: Command;
  store: Store;
  flags: Flags;
  space: Space;
  output: Output;
}

/** Runs the search in `flags.out`, and returns its trials, the best first. */
async function runSearch({ command, store, flags, space, output }: Searching): Promise<Trial[]> {
  const { trials: limit, parallel, eta, minEpochs, epochs, seed, out } = flags;
  const optionsOf = (settings: Settings, trial: string): Promise<TrainOptions> => {
    const own = { ...trainingFlags(flags), ...settingFlags(command, settings), out: join(out, trial) };
    return resolveOptions(store, own as TrainFlags, () => {});
  };
  const options = await optionsOf({}, '');
  const task = trainingTasks[options.task];
  const { data } = await readTrainingData(task, options, output.log);
  if (!data.dev)
    throw new VeneerError(
      'usage',
      'a search compares trials on a dev split: add a dev file, --eval-data or --split 0.1',
    );
  const ladder = ladderOf({ epochs, minEpochs, eta });
  await makeDirectory(out);
  const journal = await openJournal(join(out, 'search.jsonl'), {
    resume: flags.resume,
    search: {
      ...{ space, ladder, seed, options: decidingOptions(options) },
      datasets: { train: data.train.digest, dev: data.dev.digest },
    },
  });
  const { signal, release } = interruptible(name =>
    output.log(`${name}: finishing the steps under way and writing checkpoints; again to stop at once`),
  );
  try {
    const base = await openBase({ store, name: options.base, cacheDir, workers: options.threads });
    try {
      const trials = await search({
        ...{ space, ladder, limit, parallel, seed, journal, signal, log: output.log },
        run: async ({ trial, settings, ...job }) => {
          const own = await optionsOf(settings, trialName(trial));
          const mainMetric = task.mainMetric(data.problem ?? 'single-label');
          const engine = await engineOf(own, () => {});
          return runTrainingTrial({ store, engine, base, options: own, mainMetric }, job);
        },
      });
      return ranked(trials);
    } finally {
      await base.engine.close();
    }
  } finally {
    release();
    journal.close();
  }
}

function table(trials: readonly Trial[]): string[] {
  const rows = trials.map(({ trial, status, best, epochs, settings, error }, i) => [
    ...[String(i + 1), trialName(trial), status === 'finished' || status === 'failed' ? status : 'stopped'],
    ...[best?.toFixed(4) ?? '-', String(epochs), error ?? describeSettings(settings)],
  ]);
  return alignColumns([['rank', 'trial', 'status', 'score', 'epochs', 'settings'], ...rows]);
}

export function searchCommand(program: Command): void {
  const command = trainFlags(program.command('search'));
  command
    .description('train with many settings out of a space, stopping early what is behind (ASHA, TPE)')
    .requiredOption(
      '--space <file>',
      'JSON: {"learning-rate": {"min": 1e-4, "max": 1e-2, "scale": "log"}, "rank": {"choices": [4, 8]}}',
    )
    .option('--trials <n>', 'settings to try', whole(1, 10_000), 20)
    .option('--parallel <n>', 'trials at a time; they share the base in memory', whole(1, 64), 1)
    .option('--eta <n>', 'of so many trials on a rung, one goes on', whole(2, 16), 3)
    .option('--min-epochs <n>', 'epochs to the first rung; --epochs: no early stopping', whole(1, 10_000), 1)
    .option('--push', 'publish the best adapter for --tenant as --name', false)
    .option('--name <name>', 'pushing: name of the adapter')
    .option('--alias <alias>', 'pushing: alias that shall point to it', 'live')
    .action(async (given: Flags) => {
      const isShared = command.getOptionValueSource('threads') === 'default';
      const threads = isShared ? Math.max(1, Math.floor(given.threads / given.parallel)) : given.threads;
      const flags = { ...given, threads };
      checkFlags(flags);
      const output = outputOf(flags);
      const file = await localPath(flags.space, cacheDir);
      const space = parseSpace(parseJson((await readText(file)).text, file), file);
      checkSpace(command, space, file);
      const store = await openSharedStore(flags);
      const trials = await runSearch({ command, store, flags, space, output });
      const best = trials[0];
      if (best?.status !== 'finished')
        throw new VeneerError(
          'training_failed',
          `none of ${trials.length} trials finished: ${trials.find(({ error }) => error)?.error ?? 'raise --trials'}`,
        );
      const directory = join(flags.out, trialName(best.trial));
      const pushed = flags.push ? await pushBest(store, directory, flags) : undefined;
      output.result(
        {
          best: { trial: best.trial, out: directory, score: best.best, settings: best.settings },
          trials: trials.map(({ scores: _scores, rung: _rung, ...shown }) => shown),
          ...(pushed ? { pushed } : {}),
        },
        ...table(trials),
        `best: ${directory}`,
        ...(pushed ? [`${pushed.name}@${pushed.alias} -> sha256:${pushed.digest}`] : []),
      );
    });
}

async function pushBest(store: Store, directory: string, { tenant, name, alias }: Flags) {
  const adapter = await readAdapterDirectory(directory);
  const { created: _, ...pushed } = await publish(store, adapter, {
    ...{ tenant: tenant!, name: name!, alias, minMetrics: {} },
  });
  return pushed;
}
