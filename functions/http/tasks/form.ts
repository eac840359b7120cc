/**
 * A task as HTTP shows it: what its inputs and answers look like, ours and Hugging Face's. A task is one file that calls
 * `taskForm`, and one line in forms.ts.
 */
import { z } from '@hono/zod-openapi';
import type { AdapterManifest } from '../../artifacts/manifests.ts';
import type { TaskName } from '../../artifacts/names.ts';
import { VeneerError } from '../../error.ts';
import { predict, type Usage } from '../../predict.ts';
import type { Encoded, Task } from '../../tasks/task.ts';
import type { Asking } from '../asking.ts';
import { InvalidFields } from '../issues.ts';
import type { Limits } from '../services.ts';
import type { Parameters } from './parameters.ts';
import type { Pipeline, PipelineQuestion } from './pipeline.ts';
import { type RefusedInput, refusedInput } from './refused-input.ts';

export interface Answered {
  /** In the order of the inputs. */
  outputs: (object | RefusedInput)[];
  usage: Usage;
}

/** Inputs past their schema, ready to be asked. */
export interface Question {
  answer(asking: Asking, parameters: Parameters): Promise<Answered>;
}

/** `Given`, `Wanted` and `Shown`: one input, the parameters and one answer, as JSON. */
export interface TaskForm<Given = unknown, Wanted = unknown, Shown = unknown> {
  name: TaskName;
  /** Names among the components of the OpenAPI document. */
  inputsName: string;
  pipelineParametersName: string;
  inputs: z.ZodType<Question, Given | Given[]>;
  parameters: z.ZodType<Parameters, Wanted>;
  output: z.ZodType<Shown>;
  /** `{inputs, parameters}` as a Hugging Face client sends them. One bad input refuses all. */
  pipeline: z.ZodType<PipelineQuestion>;
  pipelineParameters: z.ZodType;
}

export interface TaskFormOptions<
  Input,
  Output,
  Form extends Encoded,
  Options,
  Given extends z.ZodType<Input>,
  Wanted extends z.ZodType<Parameters>,
  Shown extends object,
> {
  task: Task<Input, Output, Form, Options>;
  /** Prefix of component names in the OpenAPI document. */
  component: string;
  /** One element of `inputs`. */
  input: Given;
  /** What `inputs` should be, in words. */
  expected: string;
  parameters: Wanted;
  output: z.ZodType<Shown>;
  limits: Limits;
  options(parameters: Parameters, manifest: AdapterManifest): Options;
  show(output: Output, input: Input, parameters: Parameters): Shown;
  pipeline: Pipeline<Input>;
}

export function taskForm<
  Input,
  Output,
  Form extends Encoded,
  Options,
  Given extends z.ZodType<Input>,
  Wanted extends z.ZodType<Parameters>,
  Shown extends object,
>(
  form: TaskFormOptions<Input, Output, Form, Options, Given, Wanted, Shown>,
): TaskForm<z.input<Given>, z.input<Wanted>, Shown> {
  const { task, component, expected, limits } = form;
  /** @param refused What stands in the place of an input that does not fit. Left out: it fails the request. */
  const ask = (
    items: (Input | InvalidFields)[],
    refused?: (error: VeneerError) => VeneerError,
  ): Question => ({
    async answer({ base, adapter, run, timed, decoded }, parameters) {
      const inputs = items.flatMap(item => (item instanceof InvalidFields ? [] : [item]));
      const predicted = await predict<Input, Output | VeneerError, Form, Options>({
        ...{ base, adapter, task, inputs, refused, run, timed, decoded },
        options: form.options(parameters, adapter.manifest),
      });
      let next = 0;
      const windows: number[] = [];
      const outputs = items.map(item => {
        const at = item instanceof InvalidFields ? -1 : next++;
        windows.push(predicted.usage.windows[at] ?? 0);
        if (item instanceof InvalidFields) return refusedInput(item);
        const output = predicted.outputs[at]!;
        return output instanceof VeneerError ? refusedInput(output) : form.show(output, item, parameters);
      });
      return { outputs, usage: { tokens: predicted.usage.tokens, windows } };
    },
  });
  const [inputsName, inputName] = [`${component}Inputs`, `${component}Input`];
  const pipelineParametersName = `${component}PipelineParameters`;
  const input: z.ZodType<Input> = form.input.openapi(inputName);
  const error = `expected ${expected}, or an array of 1 to ${limits.maxInputs} of them`;
  const several = <Item extends z.ZodType>(item: Item) => z.array(item).min(1).max(limits.maxInputs);
  // Each is parsed alone, so that a bad one does not refuse the others.
  const item = z.unknown().openapi({ allOf: [{ $ref: `#/components/schemas/${inputName}` }] });
  const parsed = (given: unknown, index: number) => {
    const { success, data, error } = input.safeParse(given, {
      error: issue => (issue.code === 'invalid_union' ? `expected ${expected}` : undefined),
    });
    return success ? data : new InvalidFields(error.issues, ['inputs', index]);
  };
  const built: TaskForm = {
    name: task.name,
    inputsName,
    pipelineParametersName,
    inputs: z
      .union([input, several(item)], { error })
      .openapi(inputsName, { description: 'One input or several; answers come in the same order.' })
      .transform(given =>
        Array.isArray(given) ? ask(given.map(parsed), refusal => refusal) : ask([given as Input]),
      ),
    parameters: form.parameters.openapi(`${component}Parameters`),
    output: form.output.openapi(`${component}Output`),
    pipeline: z
      .object({ inputs: z.union([input, several(input)], { error }), parameters: form.pipeline.question })
      .transform(({ inputs, parameters }) =>
        Array.isArray(inputs) ? parameters(inputs, true) : parameters([inputs as Input], false),
      ),
    pipelineParameters: form.pipeline.parameters,
  };
  // What a schema takes is lost in its union with what it refuses alone; the client's types are held to this.
  return built as TaskForm<z.input<Given>, z.input<Wanted>, Shown>;
}
