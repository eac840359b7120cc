/** A trial as a training: in a directory of its own, over the base that all trials share, stopped at an epoch and gone on with. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Base } from '../../functions/base.ts';
import type { Store } from '../../functions/store/store.ts';
import { makeDirectory } from '../adapter-directory.ts';
import type { Engine } from '../engines/engine.ts';
import type { StopSignal } from '../stop.ts';
import { train } from '../train.ts';
import type { TrainOptions } from '../train-options.ts';
import type { TrialJob } from './search.ts';

export interface TrainingTrial {
  store: Store;
  engine: Engine;
  base: Base;
  /** Of the trial; `out` is its directory. */
  options: TrainOptions;
  mainMetric: string;
}

/** @returns the score as served (as trained, where the method is not served); undefined where it stopped at its epoch. */
export async function runTrainingTrial(
  { store, engine, base, options, mainMetric }: TrainingTrial,
  { stopAfterEpochs, onScore, signal }: Pick<TrialJob, 'stopAfterEpochs' | 'onScore' | 'signal'>,
): Promise<number | undefined> {
  const pause = new AbortController();
  let epoch = 0;
  await makeDirectory(options.out);
  const lines: string[] = [];
  try {
    const { metrics } = await train(
      store,
      engine,
      options,
      {
        log: line => lines.push(line),
        onStep: report => {
          epoch = report.epoch;
        },
        onEvaluate: () => {},
        onMetrics: (_step, metrics) => {
          onScore(epoch, metrics[mainMetric]!);
          // Training stops as it does for a person: with a checkpoint after the step under way.
          if (epoch === stopAfterEpochs) pause.abort('SIGINT' satisfies StopSignal);
        },
        signal: AbortSignal.any([signal, pause.signal]),
      },
      base,
    );
    return metrics[mainMetric]!;
  } catch (error) {
    if (pause.signal.aborted && !signal.aborted) return undefined;
    throw error;
  } finally {
    await appendFile(join(options.out, 'train.log'), lines.map(line => `${line}\n`).join(''));
  }
}
