/** Encodes an example as serving will, so that one that no window can hold is found, and named, before anything computes. */
import { VeneerError } from '../functions/error.ts';
import type { Encoded, TaskContext } from '../functions/tasks/task.ts';
import type { AnyTrainingTask } from './tasks/training-task.ts';

/** @throws VeneerError `invalid_data` with the example's place before what its text causes. */
export function encodeExample(
  task: AnyTrainingTask,
  example: { where: string },
  context: TaskContext,
): Encoded {
  try {
    return task.serving.encode(task.input(example), context);
  } catch (error) {
    if (!(error instanceof VeneerError)) throw error;
    throw new VeneerError('invalid_data', `${example.where}: ${error.message}`, { cause: error });
  }
}
