/** From the answers of an evaluation to what a report says of them. Adding a task is a file in tasks/ and a line here. */
import type { TaskName } from '../../functions/artifacts/names.ts';
import type { ClassificationOutput } from '../../functions/tasks/classification.ts';
import type { Answer } from '../../functions/tasks/question-answering.ts';
import type { LabelingOutput } from '../../functions/tasks/sequence-labeling.ts';
import type { ClassificationExample, LabelingExample, QuestionExample } from '../data/dataset.ts';
import { answer, type Evaluated } from '../evaluate.ts';
import type { Findings } from './findings.ts';
import { type Lengths, lengthsOf } from './lengths.ts';
import { classificationFindings } from './tasks/classification.ts';
import { multiLabelFindings } from './tasks/multi-label.ts';
import { questionFindings } from './tasks/question-answering.ts';
import { regressionFindings } from './tasks/regression.ts';
import { entityFindings } from './tasks/sequence-labeling.ts';

export interface Inspection {
  lengths: Lengths;
  findings: Findings;
}

const inspectors: Record<TaskName, (evaluated: Evaluated) => Promise<Findings>> = {
  classification: async evaluated => {
    const examples = evaluated.examples as readonly ClassificationExample[];
    const outputs = evaluated.outputs as readonly ClassificationOutput[];
    const { problem, labels } = evaluated.adapter.manifest;
    if (problem === 'multi-label') return multiLabelFindings(examples, outputs, labels);
    if (problem === 'regression') return regressionFindings(examples, rankedOf(outputs));
    const ask = async (questions: readonly ClassificationExample[]) =>
      rankedOf(await answer({ ...evaluated, examples: questions }));
    return classificationFindings(examples, rankedOf(outputs), ask);
  },
  'sequence-labeling': async ({ examples, outputs }) =>
    entityFindings(examples as readonly LabelingExample[], outputs as readonly LabelingOutput[]),
  'question-answering': async ({ examples, outputs }) =>
    questionFindings(examples as readonly QuestionExample[], outputs as readonly Answer[][]),
};

const rankedOf = (outputs: readonly unknown[]) =>
  (outputs as readonly ClassificationOutput[]).map(({ ranked }) => ranked);

export async function inspect(evaluated: Evaluated): Promise<Inspection> {
  const { base, adapter, task, examples } = evaluated;
  const context = { tokenizer: base.tokenizer, ...adapter.manifest };
  return {
    lengths: lengthsOf(examples.map(example => task.serving.encode(task.input(example), context).windows)),
    findings: await inspectors[adapter.manifest.task](evaluated),
  };
}
