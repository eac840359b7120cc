/**
 * The spine of a search: what runs next (asha.ts), with which settings (tpe.ts), up to K at a time, every step in the journal.
 * Knows nothing of training: a trial is run by whoever is given.
 */
import { VeneerError } from '../../functions/error.ts';
import { type Ladder, lessons, nextJob } from './asha.ts';
import type { Journal } from './journal.ts';
import { draw } from './sample.ts';
import { type Settings, type Space, sizeOf } from './space.ts';
import { suggest } from './tpe.ts';
import { apply, type SearchEvent, type Trial } from './trials.ts';

export interface TrialJob {
  trial: number;
  settings: Settings;
  /** After these it stops with a checkpoint; left out: it trains to its end. */
  stopAfterEpochs?: number;
  onScore(epoch: number, score: number): void;
  signal: AbortSignal;
}

export interface SearchOptions {
  space: Space;
  ladder: Ladder;
  /** Trials in all. */
  limit: number;
  parallel: number;
  seed: number;
  journal: Pick<Journal, 'events' | 'add'>;
  /** Goes on with what the trial has. Resolves with the final score, or undefined where it stopped; rejects where it failed. */
  run(job: TrialJob): Promise<number | undefined>;
  log(line: string): void;
  signal?: AbortSignal | undefined;
}

export async function search(options: SearchOptions): Promise<Trial[]> {
  const { space, ladder, parallel, seed, journal, run, log } = options;
  const limit = Math.min(options.limit, sizeOf(space));
  if (limit < options.limit) log(`the space has ${limit} settings: ${limit} trials`);
  const trials: Trial[] = [];
  for (const event of journal.events) apply(trials, event);
  const record = (event: SearchEvent) => {
    journal.add(event);
    apply(trials, event);
  };
  const stop = new AbortController();
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal;
  const running = new Map<number, Promise<void>>();
  const interrupted = trials.filter(({ status }) => status === 'running');
  const top = ladder.rungs.length - 1;

  try {
    while (!signal.aborted) {
      while (running.size < parallel) {
        const next = interrupted.shift() ?? decide();
        if (!next) break;
        running.set(
          next.trial,
          runTrial(next).finally(() => running.delete(next.trial)),
        );
      }
      if (running.size === 0) break;
      await Promise.race(running.values());
    }
  } finally {
    stop.abort(options.signal?.reason ?? 'SIGTERM');
    await Promise.allSettled(running.values());
  }
  if (options.signal?.aborted)
    throw new VeneerError(
      options.signal.reason === 'SIGINT' ? 'interrupted' : 'terminated',
      `stopped by ${options.signal.reason}: the same command with --resume goes on`,
    );
  return trials;

  function decide(): Trial | undefined {
    const job = nextJob(trials, ladder, limit);
    if (job?.kind === 'promote') {
      record({ kind: 'promoted', trial: job.trial, rung: job.rung });
      return trials[job.trial];
    }
    if (!job) return undefined;
    const trial = trials.length;
    let draws = 0;
    const settings = suggest(
      space,
      { ranked: lessons(trials).map(each => each.settings), tried: trials.map(each => each.settings) },
      () => draw({ seed, trial, draw: draws++ }),
    );
    if (!settings) return undefined;
    record({ kind: 'trial', trial, settings });
    return trials[trial];
  }

  async function runTrial({ trial, settings, rung }: Trial): Promise<void> {
    const epochs = ladder.rungs[rung]!;
    log(`trial ${trial}: to epoch ${epochs} with ${describeSettings(settings)}`);
    let score: number | undefined;
    try {
      score = await run({
        trial,
        settings,
        ...(rung < top ? { stopAfterEpochs: epochs } : {}),
        onScore: (epoch, value) => record({ kind: 'evaluated', trial, epoch, score: value }),
        signal,
      });
    } catch (error) {
      // Its checkpoint is there, and it goes on from it with the next start.
      if (signal.aborted) return;
      const message = (error as Error).message.split('\n')[0]!;
      record({ kind: 'failed', trial, error: message });
      log(`trial ${trial}: failed: ${message}`);
      return;
    }
    if (score === undefined) {
      record({ kind: 'paused', trial, rung });
      log(`trial ${trial}: ${trials[trial]!.best!.toFixed(4)} after epoch ${epochs}`);
    } else {
      record({ kind: 'finished', trial, score });
      log(`trial ${trial}: finished, ${score.toFixed(4)}`);
    }
  }
}

export function describeSettings(settings: Settings): string {
  return Object.entries(settings)
    .map(([name, value]) => `${name} ${value}`)
    .join(', ');
}
