/**
 * What a task is on the serving side: how an input becomes windows, and how the windows' logits become an answer.
 * The trainer uses the same two functions, so training and serving cannot drift.
 */
import type { TaskName } from '../artifacts/names.ts';
import type { Tokenizer } from '../tokenizer/tokenizer.ts';
import type { Window, WindowOptions } from './windows.ts';

export interface TaskContext extends WindowOptions {
  tokenizer: Tokenizer;
  /** Labels in the order of the logits. */
  labels: readonly string[];
}

export interface Encoded {
  windows: Window[];
}

export interface Task<Input, Output, Form extends Encoded = Encoded, Options = object> {
  name: TaskName;
  encode(input: Input, context: TaskContext): Form;
  /** @param logits One a window: [labels] of a pooled head, [tokens of the window * labels] of a token head. */
  decode(encoded: Form, logits: readonly Float32Array[], context: TaskContext, options: Options): Output;
}
