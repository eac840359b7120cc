/** How the lines of a batch are checked and answered: by the forms of the tasks, as requests are. */

import type { TaskName } from '../artifacts/names.ts';
import type { Asked, ItemRules } from '../batches/item.ts';
import type { BatchWork } from '../batches/work.ts';
import { untimed } from '../timed.ts';
import { InvalidFields } from './issues.ts';
import { logError } from './log.ts';
import type { Services } from './services.ts';
import type { Question, TaskForm } from './tasks/form.ts';
import { taskForms } from './tasks/forms.ts';
import type { Parameters } from './tasks/parameters.ts';
import { refusedInput } from './tasks/refused-input.ts';

export type BatchServices = Pick<Services, 'store' | 'adapters' | 'base' | 'limits' | 'now'> & {
  usage: Pick<Services['usage'], 'count'>;
};

/** What an item must be that the task can take. */
export function itemRules(form: TaskForm): Pick<ItemRules, 'check' | 'refusal'> {
  return { check: asked => void parsed(form, asked), refusal: refusedInput };
}

export function batchWork(services: BatchServices): BatchWork {
  const forms: Record<TaskName, TaskForm> = taskForms(services.limits);
  return {
    store: services.store,
    now: services.now,
    onError: error => logError(error),
    refusal: refusedInput,
    async open({ tenant, model, task }) {
      const [base, adapter] = await Promise.all([
        services.base(),
        services.adapters.get(tenant, `${model.name}@sha256:${model.digest}`),
      ]);
      return async (asked, run) => {
        const { question, parameters } = parsed(forms[task], asked);
        const { outputs, usage } = await question.answer(
          { base, adapter, run, timed: untimed, decoded: () => {} },
          parameters,
        );
        return { output: outputs[0], usage: { tokens: usage.tokens, windows: usage.windows[0] ?? 0 } };
      };
    },
    count: ({ tenant, model }, counts) => services.usage.count({ tenant, adapter: model.name }, counts),
  };
}

/** @throws InvalidFields */
function parsed(
  form: TaskForm,
  { inputs, parameters }: Asked,
): { question: Question; parameters: Parameters } {
  const question = form.inputs.safeParse(inputs);
  if (!question.success) throw new InvalidFields(question.error.issues, ['inputs']);
  const options = form.parameters.optional().safeParse(parameters);
  if (!options.success) throw new InvalidFields(options.error.issues, ['parameters']);
  return { question: question.data, parameters: options.data ?? {} };
}
