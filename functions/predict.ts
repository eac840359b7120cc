/**
 * The spine of a prediction, top to bottom: inputs -> windows -> logits -> answers. Training evaluates through this very
 * function, so a metric in a manifest is a metric of what is served.
 */
import type { ResidentAdapter } from './artifacts/adapter.ts';
import type { Base } from './base.ts';
import type { Engine, Row, RunOptions } from './engine/engine.ts';
import { VeneerError } from './error.ts';
import type { Encoded, Task, TaskContext } from './tasks/task.ts';
import type { WindowOptions } from './tasks/windows.ts';
import { type Timed, untimed } from './timed.ts';

export interface Usage {
  /** Tokens computed, special tokens counted, padding not. */
  tokens: number;
  /** Windows of each input: 1, or more for a long text; 0 where the input was refused. */
  windows: number[];
}

export interface Predictions<Output> {
  outputs: Output[];
  usage: Usage;
}

export interface PredictArguments<Input, Output, Form extends Encoded, Options> {
  base: Pick<Base, 'tokenizer' | 'engine'>;
  adapter: ResidentAdapter;
  task: Task<Input, Output, Form, Options>;
  inputs: readonly Input[];
  options: Options;
  /** Where a text is cut, if not as in training. */
  windows?: Partial<WindowOptions> | undefined;
  /** What stands in the place of an input that does not fit. Left out: the first of them fails them all. */
  refused?: ((error: VeneerError) => Output) | undefined;
  /** Sees the outputs as the task decoded them, in the order of the inputs. */
  decoded?: ((outputs: readonly Output[]) => void) | undefined;
  /** Whose turn it is, and when to give up. */
  run?: RunOptions;
  timed?: Timed;
}

/** @throws VeneerError `wrong_task` where the adapter serves another task. */
export async function predict<Input, Output, Form extends Encoded, Options>({
  base: { tokenizer, engine },
  adapter,
  task,
  inputs,
  options,
  windows,
  refused,
  decoded,
  run,
  timed = untimed,
}: PredictArguments<Input, Output, Form, Options>): Promise<Predictions<Output>> {
  const { manifest } = adapter;
  if (manifest.task !== task.name)
    throw new VeneerError('wrong_task', `the adapter serves ${manifest.task}, not ${task.name}`);
  const context: TaskContext = {
    tokenizer,
    labels: manifest.labels,
    maxLength: manifest.maxLength,
    stride: manifest.stride,
    ...windows,
  };
  const encode = (input: Input): { form: Form } | { refusal: Output } => {
    try {
      return { form: task.encode(input, context) };
    } catch (error) {
      if (!refused || !(error instanceof VeneerError)) throw error;
      return { refusal: refused(error) };
    }
  };
  const encoded = timed.sync('tokenize', () => inputs.map(encode));
  const windowsOf = (each: (typeof encoded)[number]) => ('form' in each ? each.form.windows : []);
  const rows = encoded.flatMap(each => windowsOf(each).map(window => ({ window, adapter })));
  const logits = await runTimed(engine, rows, { run, timed });
  if (!logits.every(row => row.every(Number.isFinite)))
    throw new VeneerError(
      'invalid_artifact',
      'the adapter gives logits that are not numbers: train it again',
    );
  const outputs = timed.sync('decode', () => {
    let next = 0;
    return encoded.map(each => {
      if (!('form' in each)) return each.refusal;
      const first = next;
      next += each.form.windows.length;
      return task.decode(each.form, logits.slice(first, next), context, options);
    });
  });
  decoded?.(outputs);
  return {
    outputs,
    usage: {
      tokens: rows.reduce((sum, { window }) => sum + window.ids.length, 0),
      windows: encoded.map(each => windowsOf(each).length),
    },
  };
}

/** From when the rows come until the first of them runs is one stage, from there until all have run another. */
async function runTimed(
  engine: Engine,
  rows: readonly Row[],
  { run, timed }: { run: RunOptions | undefined; timed: Timed },
): Promise<Float32Array[]> {
  let logits!: Promise<Float32Array[]>;
  const began = new Promise<void>((resolve, reject) => {
    logits = engine.run(rows, { ...run, began: resolve });
    logits.then(() => resolve(), reject);
  });
  await timed.async('queue', () => began);
  return timed.async('run', () => logits);
}
