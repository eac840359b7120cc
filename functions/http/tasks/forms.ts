/** The table of tasks that are served. */
import type { TaskName } from '../../artifacts/names.ts';
import type { Limits } from '../services.ts';
import { classificationForm } from './classification.ts';
import type { TaskForm } from './form.ts';
import { questionAnsweringForm } from './question-answering.ts';
import { sequenceLabelingForm } from './sequence-labeling.ts';

export function taskForms(limits: Limits): Record<TaskName, TaskForm> {
  return {
    classification: classificationForm(limits),
    'sequence-labeling': sequenceLabelingForm(limits),
    'question-answering': questionAnsweringForm(limits),
  };
}
