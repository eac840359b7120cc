/**
 * A task as Hugging Face shows it: the parameters of its transformers pipeline, and what that answers. Null means left out,
 * and what a pipeline does not know is passed over.
 */
import { z } from '@hono/zod-openapi';
import type { AdapterManifest } from '../../artifacts/manifests.ts';
import { predict, type Usage } from '../../predict.ts';
import type { Encoded, Task } from '../../tasks/task.ts';
import type { WindowOptions } from '../../tasks/windows.ts';
import type { Asking } from '../asking.ts';

/** Asks inputs that are past their schema. */
export type PipelineQuestion = (asking: Asking) => Promise<{ answer: unknown; usage: Usage }>;

export interface Pipeline<Input> {
  parameters: z.ZodType;
  /** The parameters, past their schema, as a function of the inputs. `many`: they came as an array. */
  question: z.ZodType<(inputs: Input[], many: boolean) => PipelineQuestion>;
}

export interface PipelineOptions<
  Input,
  Output,
  Form extends Encoded,
  Options,
  Parameters extends z.ZodRawShape,
> {
  task: Task<Input, Output, Form, Options>;
  /** Name of the parameters among the components of the OpenAPI document. */
  component: string;
  parameters: Parameters;
  options(parameters: Given<Parameters>, manifest: AdapterManifest): Options;
  windows?(parameters: Given<Parameters>, asking: Asking): Partial<WindowOptions>;
  show(output: Output, input: Input, parameters: Given<Parameters>): unknown;
  /** Whether one input's answer is in a list as well. */
  nested: boolean;
}

type Given<Parameters extends z.ZodRawShape> = z.infer<z.ZodObject<Parameters>>;

export function pipeline<Input, Output, Form extends Encoded, Options, Parameters extends z.ZodRawShape>({
  task,
  component,
  parameters: shape,
  options,
  windows,
  show,
  nested,
}: PipelineOptions<Input, Output, Form, Options, Parameters>): Pipeline<Input> {
  const parameters = z.looseObject(shape).openapi(component);
  const question = parameters.nullable().transform(given => {
    // All of them may be left out.
    const parameters = (given ?? {}) as Given<Parameters>;
    return (inputs: Input[], many: boolean): PipelineQuestion =>
      async asking => {
        const { base, adapter, run, timed, decoded } = asking;
        const { outputs, usage } = await predict({
          ...{ base, adapter, task, inputs, run, timed, decoded },
          options: options(parameters, adapter.manifest),
          windows: windows?.(parameters, asking),
        });
        const answers = outputs.map((output, i) => show(output, inputs[i]!, parameters));
        return { answer: many || nested ? answers : answers[0], usage };
      };
  });
  return { parameters, question };
}
