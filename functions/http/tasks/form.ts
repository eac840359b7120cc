/**
 * A task as HTTP shows it: what its inputs and answers look like, ours and Hugging Face's. A task is one file that calls
 * `taskForm`, and one line in forms.ts.
 */
import { z } from '@hono/zod-openapi';
import type { ResidentAdapter } from '../../artifacts/adapter.ts';
import type { AdapterManifest } from '../../artifacts/manifests.ts';
import type { TaskName } from '../../artifacts/names.ts';
import type { Base } from '../../base.ts';
import type { RunOptions } from '../../engine/engine.ts';
import { predict, type Usage } from '../../predict.ts';
import type { Encoded, Task } from '../../tasks/task.ts';
import type { Timed } from '../../timed.ts';
import type { Limits } from '../services.ts';
import type { Parameters } from './parameters.ts';

export interface Asking {
  base: Base;
  adapter: ResidentAdapter;
  parameters: Parameters;
  run: RunOptions;
  timed: Timed;
}

export interface Answered {
  /** In the order of the inputs. */
  outputs: object[];
  usage: Usage;
  /** The same answers in the shape of the Hugging Face Inference API. */
  huggingFace: unknown;
}

/** Inputs past their schema, ready to be asked. */
export interface Question {
  answer(asking: Asking): Promise<Answered>;
}

export interface TaskForm {
  name: TaskName;
  /** Name of `inputs` among the components of the OpenAPI document. */
  inputsName: string;
  inputs: z.ZodType<Question>;
  parameters: z.ZodType<Parameters>;
  output: z.ZodType;
}

export interface TaskFormOptions<Input, Output, Form extends Encoded, Options, Shown extends object> {
  task: Task<Input, Output, Form, Options>;
  /** Prefix of component names in the OpenAPI document. */
  component: string;
  /** One element of `inputs`. */
  input: z.ZodType<Input>;
  /** What `inputs` should be, in words. */
  expected: string;
  parameters: z.ZodType<Parameters>;
  output: z.ZodType<Shown>;
  limits: Limits;
  options(parameters: Parameters, manifest: AdapterManifest): Options;
  show(output: Output, input: Input, parameters: Parameters): Shown;
  /** Answers as Hugging Face shows them. `many`: the inputs came as an array. */
  huggingFace(shown: Shown[], asked: { many: boolean; parameters: Parameters }): unknown;
}

export function taskForm<Input, Output, Form extends Encoded, Options, Shown extends object>(
  form: TaskFormOptions<Input, Output, Form, Options, Shown>,
): TaskForm {
  const { task, component, expected, limits } = form;
  const ask = (inputs: Input[], many: boolean): Question => ({
    async answer({ base, adapter, parameters, run, timed }) {
      const options = form.options(parameters, adapter.manifest);
      const { outputs, usage } = await predict({ base, adapter, task, inputs, options, run, timed });
      const shown = outputs.map((output, i) => form.show(output, inputs[i]!, parameters));
      return { outputs: shown, usage, huggingFace: form.huggingFace(shown, { many, parameters }) };
    },
  });
  const inputsName = `${component}Inputs`;
  const input = form.input.openapi(`${component}Input`);
  const inputs = z
    .union([input, z.array(input).min(1).max(limits.maxInputs)], {
      error: `expected ${expected}, or an array of 1 to ${limits.maxInputs} of them`,
    })
    .openapi(inputsName, { description: 'One input or several; answers come in the same order.' })
    .transform(given => (Array.isArray(given) ? ask(given, true) : ask([given], false)));
  return {
    name: task.name,
    inputsName,
    inputs,
    parameters: form.parameters.openapi(`${component}Parameters`),
    output: form.output.openapi(`${component}Output`),
  };
}
