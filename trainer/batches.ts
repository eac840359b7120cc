/**
 * Training rows and the steps and batches they form: rows of like length together, padded to the longest of the batch. The
 * order depends on (seed, epoch) alone.
 */
import type { EncoderConfig, Head } from '../functions/artifacts/manifests.ts';
import type { VirtualTokens } from '../functions/artifacts/virtual-tokens.ts';
import { hiddenBias, promptPlaces, rowLength, tokenFeeds } from '../functions/engine/token-feeds.ts';
import type { Window } from '../functions/tasks/windows.ts';
import type { HostTensor } from './engines/engine.ts';
import type { Cloze } from './few-shot/cloze.ts';
import type { HeadSpec } from './heads.ts';
import { type Counter, permutation } from './random.ts';
import { targetsOf } from './targets.ts';

export interface TrainingRow {
  window: Window;
  /** See TrainingTask.targets. */
  targets: Int32Array | Float32Array;
  /** The same in all rows of a run; left out: none. */
  virtual?: VirtualTokens | undefined;
}

/** What decides which rows a step sees: batchSize * accumulate. `microBatches` only says into how many it cuts them. */
export interface BatchPlan {
  epochs: number;
  batchSize: number;
  /** Batches of one optimizer step. */
  accumulate: number;
  microBatches: number;
  seed: number;
}

export interface StepRows {
  /** Both counted from 1. */
  step: number;
  epoch: number;
  batches: TrainingRow[][];
}

/** Steps whose rows are sorted by length together: long enough to cut padding, short enough to stay random. */
const bucketSteps = 50;
/** Stream of the random generator. */
const orderStream = 1;

/** Batches of a step, at least one for each of so many devices. */
export function microBatchesOf({ accumulate }: { accumulate: number }, devices: number): number {
  return accumulate * Math.ceil(devices / accumulate);
}

export function stepsPerEpoch(rows: number, { batchSize, accumulate }: BatchPlan): number {
  return Math.ceil(rows / (batchSize * accumulate));
}

/** The steps that follow the first `done`, in order. */
export function* stepsAfter(
  done: number,
  rows: readonly TrainingRow[],
  plan: BatchPlan,
): Generator<StepRows> {
  const perEpoch = stepsPerEpoch(rows.length, plan);
  const size = Math.ceil((plan.batchSize * plan.accumulate) / plan.microBatches);
  for (let epoch = Math.floor(done / perEpoch); epoch < plan.epochs; epoch++) {
    const start = epoch * perEpoch;
    const steps = epochSteps(rows, epoch, plan);
    for (const [i, indices] of steps.entries()) {
      if (start + i < done) continue;
      const group = indices.map(index => rows[index]!);
      const batches: TrainingRow[][] = [];
      for (let from = 0; from < group.length; from += size) batches.push(group.slice(from, from + size));
      yield { step: start + i + 1, epoch: epoch + 1, batches };
    }
  }
}

/** Rows of each step of one epoch, as indices. */
function epochSteps(
  rows: readonly TrainingRow[],
  epoch: number,
  { batchSize, accumulate, seed }: BatchPlan,
): number[][] {
  const random: Counter = { seed, stream: orderStream };
  const size = batchSize * accumulate;
  const order = permutation(random, 2 * epoch, rows.length);
  const steps: number[][] = [];
  for (let from = 0; from < order.length; from += size * bucketSteps) {
    const bucket = [...order.subarray(from, from + size * bucketSteps)];
    bucket.sort((a, b) => rows[b]!.window.ids.length - rows[a]!.window.ids.length);
    for (let i = 0; i < bucket.length; i += size) steps.push(bucket.slice(i, i + size));
  }
  return Array.from(permutation(random, 2 * epoch + 1, steps.length), i => steps[i]!);
}

/** Inputs of the encoder and of pooling, which reads the mask of a cloze. */
export function encoderFeeds(
  rows: readonly Pick<TrainingRow, 'window' | 'virtual'>[],
  { config, head, cloze }: { config: EncoderConfig; head: Head; cloze?: Cloze | undefined },
): Record<string, HostTensor> {
  const framed = rows.map(({ window, virtual }) => ({ window, virtual, head }));
  const feeds = tokenFeeds(framed, config);
  return {
    ...feeds,
    ...(cloze ? { pooling: maskPooling(rows, cloze, feeds.input_ids!.shape[1]!) } : {}),
    ...(rows[0]?.virtual?.prompt ? { prompt_places: promptPlaces(framed) } : {}),
  };
}

/** Inputs of the step graph but the parameters. @param units Loss units of the whole step, over all its batches. */
export function stepInputs(
  rows: readonly TrainingRow[],
  { config, head, units }: { config: EncoderConfig; head: HeadSpec; units: number },
): Record<string, HostTensor> {
  const feeds = encoderFeeds(rows, { config, head: head.head, cloze: head.cloze });
  const s = feeds.input_ids!.shape[1]!;
  return {
    ...feeds,
    ...(head.task === 'question-answering' ? { answer_bias: answerBias(rows, s) } : {}),
    targets: targetsOf(rows, head, { s, units }),
  };
}

/** float32 [B, 1, S]: 1 for the mask of each row. */
function maskPooling(rows: readonly Pick<TrainingRow, 'window'>[], { place }: Cloze, s: number): HostTensor {
  const data = new Float32Array(rows.length * s);
  rows.forEach(({ window: { ids } }, row) => {
    data[row * s + (place < 0 ? ids.length + place : place)] = 1;
  });
  return { dtype: 'float32', shape: [rows.length, 1, s], data };
}

/** float32 [B, 1, S]: 0 for the tokens of a row, a large negative number for its prompt and its padding. */
function answerBias(rows: readonly TrainingRow[], s: number): HostTensor {
  const data = new Float32Array(rows.length * s).fill(hiddenBias);
  rows.forEach((row, i) => {
    const end = rowLength(row);
    data.fill(0, i * s + end - row.window.ids.length, i * s + end);
  });
  return { dtype: 'float32', shape: [rows.length, 1, s], data };
}
