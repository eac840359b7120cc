/** The tasks that can be trained. Adding one is a file here, one in functions/tasks/, and a line in each table. */
import type { TaskName } from '../../functions/artifacts/names.ts';
import { classification } from './classification.ts';
import { questionAnswering } from './question-answering.ts';
import { sequenceLabeling } from './sequence-labeling.ts';
import type { AnyTrainingTask } from './training-task.ts';

export const trainingTasks = {
  classification,
  'sequence-labeling': sequenceLabeling,
  'question-answering': questionAnswering,
} as unknown as Record<TaskName, AnyTrainingTask>;
