/** The table of tasks that are served. */
import type { TaskName } from '../../artifacts/names.ts';
import type { Limits } from '../services.ts';
import { classificationForm } from './classification.ts';
import type { TaskForm } from './form.ts';
import { questionAnsweringForm } from './question-answering.ts';
import { sequenceLabelingForm } from './sequence-labeling.ts';

/** Each is made when it is first asked for. */
export function taskForms(limits: Limits): Record<TaskName, TaskForm> {
  const made: Partial<Record<TaskName, TaskForm>> = {};
  return {
    get classification() {
      made.classification ??= classificationForm(limits);
      return made.classification;
    },
    get 'sequence-labeling'() {
      made['sequence-labeling'] ??= sequenceLabelingForm(limits);
      return made['sequence-labeling'];
    },
    get 'question-answering'() {
      made['question-answering'] ??= questionAnsweringForm(limits);
      return made['question-answering'];
    },
  };
}
