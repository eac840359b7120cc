/**
 * What a sequence of trainings remembers, from accuracies R[i][j] of task j after training on task i, as "Gradient Episodic
 * Memory" (https://arxiv.org/abs/1706.08840, section 2) defines it.
 */
export interface TaskSequence {
  /** [T][T]: after training on task i, on the test data of task j. */
  accuracies: readonly (readonly number[])[];
  /** b[j]: what a model that knows nothing of task j scores; undefined where the run before did not have its labels. */
  chance: readonly (number | undefined)[];
}

export interface ContinualScore {
  /** ACC: mean of R[T][j]. */
  averageAccuracy: number;
  /** BWT: mean over the tasks before the last of R[T][j] - R[j][j]; null for one task. */
  backwardTransfer: number | null;
  /** Minus BWT: how much of what was learned is lost in the end. */
  forgetting: number | null;
  /** FWT: mean over the tasks after the first, as far as they have a chance, of R[j-1][j] - b[j]; null where none has. */
  forwardTransfer: number | null;
}

export function scoreTaskSequence({ accuracies, chance }: TaskSequence): ContinualScore {
  const last = accuracies.at(-1);
  const count = accuracies.length;
  if (!last || accuracies.some(row => row.length !== count) || chance.length !== count)
    throw new Error(`${count} rows of accuracies need as many columns, and as many chances`);
  const backward = last.slice(0, -1).map((final, task) => final - accuracies[task]![task]!);
  const forward = chance.flatMap((b, task) =>
    task === 0 || b === undefined ? [] : [accuracies[task - 1]![task]! - b],
  );
  const backwardTransfer = mean(backward);
  return {
    averageAccuracy: mean(last)!,
    backwardTransfer,
    forgetting: backwardTransfer === null ? null : 0 - backwardTransfer,
    forwardTransfer: mean(forward),
  };
}

function mean(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
