/**
 * The spine of training, top to bottom: batches -> step graph (forward and backward) -> clip -> AdamW -> evaluate -> keep
 * the best. Knows nothing of tasks, files or engines.
 */
import type { EncoderConfig, Metrics } from '../functions/artifacts/manifests.ts';
import { VeneerError } from '../functions/error.ts';
import { type BatchPlan, stepInputs, stepsAfter, stepsPerEpoch, type TrainingRow } from './batches.ts';
import { dropoutKeys } from './dropout.ts';
import type { Program } from './engines/engine.ts';
import type { FitState } from './fit-state.ts';
import type { HeadSpec } from './heads.ts';
import { adamW, clipNorm } from './optimizer.ts';
import { parameterInputs } from './parameters.ts';
import type { Penalty } from './penalty.ts';
import { rateFraction, type ScheduleName } from './schedule.ts';
import { gradientName, type Step } from './step.ts';
import { lossUnits } from './targets.ts';

export interface FitOptions extends BatchPlan {
  learningRate: number;
  /** Peak rate of the head; that of everything else where left out. */
  headLearningRate?: number;
  schedule: ScheduleName;
  /** Fraction of all steps over which the rate rises. */
  warmup: number;
  weightDecay: number;
  maxGradientNorm: number;
  /** Steps between evaluations; an epoch where left out. */
  evalSteps?: number;
  /** Steps between checkpoints; as often as evaluations where left out. */
  saveSteps?: number;
  /** Evaluations without a better main metric before training stops; 0 never stops. */
  patience: number;
}

export interface StepReport {
  step: number;
  steps: number;
  epoch: number;
  loss: number;
  learningRate: number;
  gradientNorm: number;
  /** Tokens computed, padding not counted. */
  tokens: number;
  milliseconds: number;
}

export interface FitArguments {
  /** One for each device; batches of a step go round them. */
  programs: readonly Program[];
  step: Pick<Step, 'layout' | 'dropoutSites'>;
  /** Where to begin: a fresh state, or one that was saved. Changed in place. */
  state: FitState;
  config: EncoderConfig;
  head: HeadSpec;
  rows: readonly TrainingRow[];
  options: FitOptions;
  penalties?: readonly Penalty[];
  /** Ends training after the step under way. */
  signal?: AbortSignal | undefined;
  onStep(report: StepReport): void;
  /** Scores the parameters; absent where there is no dev set. */
  evaluate?(values: Float32Array, at: { step: number; epoch: number }): Promise<Score>;
  /** Makes the state outlive the process. */
  save(state: FitState): Promise<void>;
}

export interface Score {
  metrics: Metrics;
  /** Higher is better. */
  main: number;
}

/** @throws VeneerError `training_failed` where the loss or a parameter stops being a number. */
export async function fit(args: FitArguments): Promise<void> {
  const { state, rows, options, penalties = [], signal, onStep, evaluate, save } = args;
  const { values, optimizer } = state;
  const { layout } = args.step;
  const perEpoch = stepsPerEpoch(rows.length, options);
  const total = perEpoch * options.epochs;
  const span = { total, warmup: Math.ceil(total * options.warmup) };
  const { evalSteps = perEpoch, saveSteps = evalSteps } = options;
  const gradient = new Float32Array(layout.size);
  let isSaved = optimizer.steps > 0;

  for (const { step, epoch, batches } of stepsAfter(optimizer.steps, rows, options)) {
    if (signal?.aborted || (options.patience > 0 && state.waited >= options.patience)) break;
    const started = performance.now();
    let loss = await addGradients(args, { batches, step, gradient: gradient.fill(0) });
    for (const penalty of penalties) loss += penalty.add(values, gradient);
    const gradientNorm = clipNorm(gradient, options.maxGradientNorm);
    if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm)) throw diverged(`the loss is ${loss}`, step);
    const fraction = rateFraction(options.schedule, step - 1, span);
    const learningRate = options.learningRate * fraction;
    const headLearningRate = (options.headLearningRate ?? options.learningRate) * fraction;
    const { weightDecay } = options;
    adamW({ layout, values, gradient, state: optimizer }, { learningRate, headLearningRate, weightDecay });
    for (const penalty of penalties) penalty.settle?.(values);
    const tokens = batches.flat().reduce((sum, { window }) => sum + window.ids.length, 0);
    const milliseconds = performance.now() - started;
    onStep({ step, steps: total, epoch, loss, learningRate, gradientNorm, tokens, milliseconds });

    const isDue = (every: number) => step % every === 0 || step === total;
    if (evaluate && isDue(evalSteps)) {
      checkFinite(step);
      keepBest(state, await evaluate(values, { step, epoch }));
    }
    if (isDue(saveSteps) || signal?.aborted) {
      checkFinite(step);
      await save(state);
      isSaved = true;
    }
  }

  // What the last step did to the parameters is not in its loss.
  function checkFinite(step: number): void {
    if (!values.every(Number.isFinite)) throw diverged('a parameter is no longer a finite number', step);
  }

  function diverged(what: string, step: number): VeneerError {
    const kept = isSaved ? 'the checkpoint is kept' : 'there is no checkpoint yet';
    return new VeneerError(
      'training_failed',
      `${what} at step ${step}: lower --learning-rate (${options.learningRate}); ${kept}`,
    );
  }
}

function keepBest(state: FitState, { metrics, main }: Score): void {
  if (state.best && !(main > state.best.main)) {
    state.waited++;
    return;
  }
  state.best = { values: state.values.slice(), metrics, main };
  state.waited = 0;
}

/** Returns the loss and adds the gradient of one step: summed over its batches in their order, whichever devices compute them. */
async function addGradients(
  { programs, step: { layout, dropoutSites }, state: { values }, config, head, options }: FitArguments,
  { batches, step, gradient }: { batches: readonly TrainingRow[][]; step: number; gradient: Float32Array },
): Promise<number> {
  const parameters = parameterInputs(layout, values);
  const units = lossUnits(batches.flat(), head) || 1;
  let loss = 0;
  for (let from = 0; from < batches.length; from += programs.length) {
    const outputs = await Promise.all(
      batches.slice(from, from + programs.length).map((batch, device) =>
        programs[device]!.run({
          ...stepInputs(batch, { config, head, units }),
          ...dropoutKeys(dropoutSites, { seed: options.seed, step, microBatch: from + device }),
          ...parameters,
        }),
      ),
    );
    for (const output of outputs) {
      loss += output.loss!.data[0]!;
      for (const { name, offset } of layout.parameters) {
        const part = output[gradientName(name)]!.data;
        for (let i = 0; i < part.length; i++) gradient[offset + i]! += part[i]!;
      }
    }
  }
  return loss;
}
