/**
 * What the trainer adds to a serving task: where examples come from, what the targets of a window are, and how answers
 * are scored. Encoding and decoding are the serving task's own.
 */
import type {
  AdapterManifest,
  Head,
  Metrics,
  Pooling,
  Problem,
} from '../../functions/artifacts/manifests.ts';
import type { Encoded, Task, TaskContext } from '../../functions/tasks/task.ts';
import type { ColumnOptions } from '../data/columns.ts';
import type { Dataset, Split } from '../data/dataset.ts';
import type { Known } from '../data/labels.ts';

/** What a manifest says of how answers are decoded. */
export type Decoding = Pick<AdapterManifest, 'labels' | 'problem' | 'threshold' | 'unanswerable'>;

export interface TrainingTask<Example, Input, Output, Form extends Encoded, Options> {
  serving: Task<Input, Output, Form, Options>;
  /** The metric that early stopping and best-checkpoint selection look at; higher is better. */
  mainMetric(problem: Problem): string;
  defaults: { maxLength: number; stride: number };
  head(pooling: Pooling): Head;
  read(path: string, columns: ColumnOptions): Promise<Dataset<Example>>;
  readSplit(path: string, columns: ColumnOptions): Promise<Split<Example>>;
  /** Labels in the order of the logits, and what else other data has to go with. */
  known(train: Split<Example>): Known & { labels: string[] };
  /** @throws VeneerError naming what of `split` does not go with `known`. */
  checkKnown(split: Split<Example>, known: Known, owner: string): void;
  input(example: Example): Input;
  /** How answers are decoded when they are scored. */
  options(decoding: Decoding): Options;
  /**
   * Class indices for each window, -1 where there is nothing to learn: pooled head [1], multi-label those that are given,
   * regression the value; token head [tokens of the window]; question answering [2], the positions of start and end.
   */
  targets(example: Example, encoded: Form, context: TaskContext): (Int32Array | Float32Array)[];
  /** The threshold that suits these answers best, where the problem has one. */
  threshold?(
    examples: readonly Example[],
    outputs: readonly Output[],
    decoding: Decoding,
  ): number | undefined;
  score(examples: readonly Example[], outputs: readonly Output[], decoding: Decoding): Metrics;
  /** Whether some question has no answer. */
  unanswerable(examples: readonly Example[]): boolean;
}

/** Any task, for code that treats them alike. */
export type AnyTrainingTask = TrainingTask<{ where: string }, unknown, unknown, Encoded, object>;
