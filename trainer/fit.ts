/**
 * The spine of training, top to bottom: batches -> step graph (forward and backward) -> clip -> AdamW -> evaluate -> keep
 * the best. Knows nothing of tasks, files or engines.
 */
import type { EncoderConfig, Metrics } from '../functions/artifacts/manifests.ts';
import { VeneerError } from '../functions/error.ts';
import { epochBatches, stepInputs, type TrainingRow } from './batches.ts';
import type { HostTensor, Program } from './engines/engine.ts';
import type { HeadSpec } from './heads.ts';
import { adamW, adamWState, clipNorm, linearSchedule } from './optimizer.ts';
import { type Layout, views } from './parameters.ts';
import { gradientName } from './step.ts';
import { lossUnits } from './targets.ts';

export interface FitOptions {
  epochs: number;
  batchSize: number;
  /** Batches of one optimizer step. */
  accumulate: number;
  learningRate: number;
  /** Fraction of all steps over which the rate rises. */
  warmup: number;
  weightDecay: number;
  maxGradientNorm: number;
  /** Evaluations without a better main metric before training stops; 0 never stops. */
  patience: number;
  seed: number;
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
  program: Program;
  layout: Layout;
  /** Start values; not changed. */
  initial: Float32Array;
  config: EncoderConfig;
  head: HeadSpec;
  rows: readonly TrainingRow[];
  options: FitOptions;
  onStep(report: StepReport): void;
  /** Scores parameters after an epoch; absent where there is no dev set. */
  evaluate?(values: Float32Array): Promise<{ metrics: Metrics; main: number }>;
  /** Called with every set of parameters that is the best so far, before training goes on. */
  onBest(values: Float32Array, metrics: Metrics | undefined): Promise<void>;
}

export interface FitResult {
  /** The best parameters by the main metric, or the last where nothing was evaluated. */
  values: Float32Array;
  metrics: Metrics | undefined;
  steps: number;
  history: { epoch: number; loss: number; metrics: Metrics | undefined }[];
}

/** Stream of the random generator that orders batches. */
const orderStream = 1;

/** @throws VeneerError `training_failed` where the loss stops being a number. */
export async function fit({
  program,
  layout,
  initial,
  config,
  head,
  rows,
  options,
  onStep,
  evaluate,
  onBest,
}: FitArguments): Promise<FitResult> {
  const { epochs, batchSize, accumulate, seed, patience } = options;
  const stepsPerEpoch = Math.ceil(Math.ceil(rows.length / batchSize) / accumulate);
  const schedule = {
    total: stepsPerEpoch * epochs,
    warmup: Math.ceil(stepsPerEpoch * epochs * options.warmup),
  };
  const values = initial.slice();
  const state = adamWState(layout.size);
  const gradient = new Float32Array(layout.size);
  const parts = views(layout, values);
  const parameterInputs: Record<string, HostTensor> = Object.fromEntries(
    layout.parameters.map(({ name, shape }) => [name, { dtype: 'float32', shape, data: parts.get(name)! }]),
  );
  const history: FitResult['history'] = [];
  let best: { values: Float32Array; metrics: Metrics | undefined; main: number } | undefined;
  let waited = 0;
  let step = 0;

  for (let epoch = 0; epoch < epochs; epoch++) {
    const batches = epochBatches(rows, { batchSize, epoch, random: { seed, stream: orderStream } });
    let epochLoss = 0;
    for (let from = 0; from < batches.length; from += accumulate) {
      const started = performance.now();
      const group = batches.slice(from, from + accumulate).map(indices => indices.map(i => rows[i]!));
      const units = lossUnits(group.flat(), head) || 1;
      let loss = 0;
      gradient.fill(0);
      for (const batch of group) {
        const outputs = await program.run({
          ...stepInputs(batch, { config, head, units }),
          ...parameterInputs,
        });
        loss += outputs.loss!.data[0]!;
        for (const { name, offset } of layout.parameters) {
          const part = outputs[gradientName(name)]!.data;
          for (let i = 0; i < part.length; i++) gradient[offset + i]! += part[i]!;
        }
      }
      const gradientNorm = clipNorm(gradient, options.maxGradientNorm);
      if (!Number.isFinite(loss) || !Number.isFinite(gradientNorm))
        throw new VeneerError(
          'training_failed',
          `the loss is ${loss} at step ${step + 1} (epoch ${epoch + 1}): lower --learning-rate (${options.learningRate}); ${
            best ? 'the best checkpoint so far is kept' : 'there is no checkpoint yet'
          }`,
        );
      const learningRate = options.learningRate * linearSchedule(step, schedule);
      adamW({ layout, values, gradient, state }, { learningRate, weightDecay: options.weightDecay });
      step++;
      epochLoss += loss;
      onStep({
        step,
        steps: schedule.total,
        epoch: epoch + 1,
        loss,
        learningRate,
        gradientNorm,
        tokens: group.flat().reduce((sum, { window }) => sum + window.ids.length, 0),
        milliseconds: performance.now() - started,
      });
    }
    const score = await evaluate?.(values);
    history.push({ epoch: epoch + 1, loss: epochLoss / stepsPerEpoch, metrics: score?.metrics });
    if (!best || !score || score.main > best.main) {
      best = { values: values.slice(), metrics: score?.metrics, main: score?.main ?? 0 };
      waited = 0;
      await onBest(best.values, best.metrics);
    } else if (patience > 0 && ++waited >= patience) break;
  }
  return { values: best!.values, metrics: best!.metrics, steps: step, history };
}
