/**
 * Steps before training that move texts of a class together and those of others apart, as SetFit
 * (https://arxiv.org/abs/2209.11055) has them, by the supervised contrastive loss over the pairs of a batch
 * (https://arxiv.org/abs/2004.11362). What is drawn depends on (seed, step) alone.
 */
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { hiddenBias } from '../../functions/engine/token-feeds.ts';
import { VeneerError } from '../../functions/error.ts';
import { encoderFeeds, type TrainingRow } from '../batches.ts';
import type { HostTensor, Program } from '../engines/engine.ts';
import type { FitOptions } from '../fit.ts';
import { gradients } from '../graph/gradient.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import { adamW, adamWState, clipNorm } from '../optimizer.ts';
import { type Layout, parameterInputs } from '../parameters.ts';
import { permutation, uniform } from '../random.ts';
import { rateFraction } from '../schedule.ts';
import { gradientName } from '../step.ts';
import { prototypeHead } from './choice.ts';
import type { Embedding } from './embedding.ts';

const temperature = 0.05;
/** Fraction of the steps over which the rate rises. */
const warmup = 0.1;
/** Stream of the random generator. */
const pairStream = 5;

/** `loss` [] and the gradients of the method's parameters. Reads, beside the encoder's inputs, those of `pairFeeds`. */
export function contrastiveOutputs({ g, parameters, pooled }: Embedding): Record<string, Value> {
  const loss = contrastiveLoss(g, pooled);
  const found = gradients(g, loss, [...parameters.values()]);
  return {
    loss,
    ...Object.fromEntries([...parameters.keys()].map((name, i) => [gradientName(name), found[i]!])),
  };
}

function contrastiveLoss(g: Graph, pooled: Value): Value {
  const squares = g.sum(g.mul(pooled, pooled), [1]);
  const directions = g.div(pooled, g.sqrt(g.add(squares, g.scalar(1e-12))));
  const cosines = g.matmul(directions, directions, { transB: true, alpha: 1 / temperature });
  const others = g.logSoftmax(g.add(cosines, g.input('self_bias', ['B', 'B'])));
  const weighted = g.mul(others, g.input('positives', ['B', 'B']));
  return g.scale(g.reshape(g.sum(weighted, [0, 1]), []), -1);
}

/**
 * float32 [B, B] each. `self_bias` hides a text from itself. `positives`: of each text, those of its class, whose weights add
 * up to one over the texts that have any.
 */
export function pairFeeds(classes: readonly number[]): Record<string, HostTensor> {
  const size = classes.length;
  const isPositive = (i: number, j: number) => i !== j && classes[i] === classes[j];
  const counts = classes.map((_, i) => classes.filter((_, j) => isPositive(i, j)).length);
  const anchors = counts.filter(count => count > 0).length;
  const tensor = (of: (i: number, j: number) => number): HostTensor => ({
    dtype: 'float32',
    shape: [size, size],
    data: Float32Array.from({ length: size * size }, (_, at) => of(Math.floor(at / size), at % size)),
  });
  return {
    self_bias: tensor((i, j) => (i === j ? hiddenBias : 0)),
    positives: tensor((i, j) => (isPositive(i, j) ? 1 / (anchors * counts[i]!) : 0)),
  };
}

interface PairBatchArguments {
  /** Rows of each class. */
  byClass: readonly (readonly number[])[];
  /** Classes of a batch. */
  width: number;
  seed: number;
}

/** Rows of one step, counted from 0: two of each of so many classes, all classes in turn; of a class with one row, that. */
export function pairBatch({ byClass, width, seed }: PairBatchArguments, step: number): number[] {
  const random = { seed, stream: pairStream };
  const classes = byClass.length;
  const turns = Array.from(
    { length: Math.min(width, classes) },
    (_, i) => step * Math.min(width, classes) + i,
  );
  const chosen = new Set(
    turns.map(turn => permutation(random, Math.floor(turn / classes), classes)[turn % classes]!),
  );
  return [...chosen].flatMap(name => {
    const rows = byClass[name]!;
    const draw = (count: number, which: number) => Math.floor(uniform(random, step, name, which) * count);
    const first = draw(rows.length, 0);
    if (rows.length === 1) return [rows[0]!];
    return [rows[first]!, rows[(first + 1 + draw(rows.length - 1, 1)) % rows.length]!];
  });
}

export type ContrastiveOptions = Pick<
  FitOptions,
  'batchSize' | 'learningRate' | 'weightDecay' | 'maxGradientNorm' | 'seed'
>;

interface ContrastiveArguments {
  /** Gives `contrastiveOutputs`. */
  program: Program;
  layout: Layout;
  /** Of the method's parameters; changed in place. */
  values: Float32Array;
  config: EncoderConfig;
  rows: readonly TrainingRow[];
  /** The class of each row. */
  classes: readonly number[];
  steps: number;
  options: ContrastiveOptions;
  /** Ends it after the step under way. */
  signal?: AbortSignal | undefined;
}

/**
 * Returns the losses of the steps.
 * @throws VeneerError `training_failed` where a loss stops being a number.
 */
export async function trainContrastively(args: ContrastiveArguments): Promise<number[]> {
  const { program, layout, values, config, rows, classes, steps, options, signal } = args;
  const { learningRate: peak, weightDecay, seed } = options;
  const byClass = [...new Set(classes)].map(name => [...classes.keys()].filter(row => classes[row] === name));
  const batches = { byClass, width: options.batchSize, seed };
  const state = adamWState(layout.size);
  const gradient = new Float32Array(layout.size);
  const span = { total: steps, warmup: Math.ceil(warmup * steps) };
  const losses: number[] = [];
  for (let step = 0; step < steps && !signal?.aborted; step++) {
    const batch = pairBatch(batches, step);
    const outputs = await program.run({
      ...encoderFeeds(
        batch.map(row => rows[row]!),
        { config, head: prototypeHead },
      ),
      ...pairFeeds(batch.map(row => classes[row]!)),
      ...parameterInputs(layout, values),
    });
    for (const { name, offset } of layout.parameters)
      gradient.set(outputs[gradientName(name)]!.data as Float32Array, offset);
    const loss = outputs.loss!.data[0]!;
    if (!Number.isFinite(loss) || !Number.isFinite(clipNorm(gradient, options.maxGradientNorm)))
      throw new VeneerError(
        'training_failed',
        `the loss is ${loss} at contrastive step ${step + 1}: lower --learning-rate (${peak})`,
      );
    losses.push(loss);
    adamW(
      { layout, values, gradient, state },
      { learningRate: peak * rateFraction('linear', step, span), weightDecay },
    );
  }
  return losses;
}
