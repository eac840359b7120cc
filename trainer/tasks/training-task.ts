/**
 * What the trainer adds to a serving task: where examples come from, what the targets of a window are, and how answers
 * are scored. Encoding and decoding are the serving task's own.
 */
import type { Head, Metrics } from '../../functions/artifacts/manifests.ts';
import type { Encoded, Task, TaskContext } from '../../functions/tasks/task.ts';
import type { ColumnOptions } from '../data/columns.ts';
import type { Dataset, Split } from '../data/dataset.ts';

export interface TrainingTask<Example, Input, Output, Form extends Encoded, Options> {
  serving: Task<Input, Output, Form, Options>;
  /** The metric that early stopping and best-checkpoint selection look at; higher is better. */
  mainMetric: string;
  defaults: { maxLength: number; stride: number };
  head(pooling: 'mean' | 'cls'): Head;
  read(path: string, columns: ColumnOptions): Promise<Dataset<Example>>;
  readSplit(path: string, columns: ColumnOptions): Promise<Split<Example>>;
  /** Labels in the order of the logits. */
  labels(examples: readonly Example[]): string[];
  /** @throws VeneerError naming a label of `split` that is not among `labels`. */
  checkKnown(split: Split<Example>, labels: readonly string[], owner: string): void;
  input(example: Example): Input;
  /** How answers are decoded when they are scored. */
  options(unanswerable: boolean): Options;
  /**
   * Class indices for each window, -1 where there is nothing to learn: pooled head [1]; token head [tokens of the
   * window]; question answering [2], the positions of start and end.
   */
  targets(example: Example, encoded: Form, context: TaskContext): Int32Array[];
  score(examples: readonly Example[], outputs: readonly Output[]): Metrics;
  /** Whether some question has no answer. */
  unanswerable(examples: readonly Example[]): boolean;
}

/** Any task, for code that treats them alike. */
export type AnyTrainingTask = TrainingTask<{ where: string }, unknown, unknown, Encoded, object>;
