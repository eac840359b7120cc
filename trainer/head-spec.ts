/** The head of a run and how its targets are weighted, from what the run is told and what its data is. */
import type { Head, Pooling, Problem } from '../functions/artifacts/manifests.ts';
import { VeneerError } from '../functions/error.ts';
import type { TrainingRow } from './batches.ts';
import { classWeightsOf, startBias } from './class-weights.ts';
import type { Cloze } from './few-shot/cloze.ts';
import { type HeadSpec, lossName } from './heads.ts';
import type { AnyTrainingTask } from './tasks/training-task.ts';
import type { TrainOptions } from './train-options.ts';

interface HeadArguments {
  task: AnyTrainingTask;
  options: TrainOptions;
  labels: string[];
  problem: Problem;
  rows: readonly TrainingRow[];
  /** How the base was trained to be read. */
  pooling: Pooling;
  /** Instead of the task's own. */
  few?: { head?: Head | undefined; cloze?: Cloze | undefined } | undefined;
}

/** @throws VeneerError `usage` where pooling, weights, smoothing or R-Drop do not go with what is learned. */
export function headSpec({ task, options, labels, problem, rows, pooling, few }: HeadArguments): HeadSpec {
  const { classWeights, labelSmoothing, rDrop } = options;
  const loss = lossName({ task: options.task, problem });
  if (labelSmoothing > 0 && (loss === 'regression' || loss === 'question-answering'))
    throw new VeneerError('usage', `--label-smoothing ${labelSmoothing}: ${loss} has no classes`);
  if (rDrop > 0 && loss !== 'single-label')
    throw new VeneerError(
      'usage',
      `--r-drop ${rDrop}: for single-label classification only, this is ${loss}`,
    );
  const settled = options.from?.manifest.head ?? few?.head;
  const own = task.head(options.pooling ?? pooling);
  if (options.pooling !== undefined && (settled || own.kind !== 'pooled'))
    throw new VeneerError(
      'usage',
      `--pooling ${options.pooling}: ${settled ? `${options.from ? '--from' : '--few-shot'} settles the head` : `${options.task} has no pooled head`}`,
    );
  const weights = classWeights && classWeightsOf(classWeights, { loss, labels, rows });
  const bias = startBias({ loss, labels, rows }, weights);
  return {
    task: options.task,
    head: settled ?? own,
    labels: labels.length,
    problem,
    cloze: few?.cloze,
    weighting: { labelSmoothing, ...(weights ? { classWeights: weights } : {}) },
    ...(bias ? { bias } : {}),
  };
}
