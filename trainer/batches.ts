/**
 * Training rows and the batches they form: rows of like length together, padded to the longest of the batch. The order
 * depends on (seed, epoch) alone.
 */
import type { EncoderConfig } from '../functions/artifacts/manifests.ts';
import { tokenFeeds } from '../functions/engine/batch.ts';
import type { Window } from '../functions/tasks/windows.ts';
import type { HostTensor } from './engines/engine.ts';
import type { HeadSpec } from './heads.ts';
import { type Counter, permutation } from './random.ts';

export interface TrainingRow {
  window: Window;
  /** See TrainingTask.targets. */
  targets: Int32Array;
}

/** Batches whose rows are sorted by length together: long enough to cut padding, short enough to stay random. */
const bucketBatches = 50;

/** One epoch's batches as row indices. */
export function epochBatches(
  rows: readonly TrainingRow[],
  { batchSize, epoch, random }: { batchSize: number; epoch: number; random: Counter },
): number[][] {
  const order = permutation(random, 2 * epoch, rows.length);
  const batches: number[][] = [];
  for (let from = 0; from < order.length; from += batchSize * bucketBatches) {
    const bucket = [...order.subarray(from, from + batchSize * bucketBatches)];
    bucket.sort((a, b) => rows[b]!.window.ids.length - rows[a]!.window.ids.length);
    for (let i = 0; i < bucket.length; i += batchSize) batches.push(bucket.slice(i, i + batchSize));
  }
  return Array.from(permutation(random, 2 * epoch + 1, batches.length), i => batches[i]!);
}

/** What a row's loss is divided by, summed over a step: rows, or labelled tokens of a token-labeling row. */
export function lossUnits(rows: readonly TrainingRow[], { task }: HeadSpec): number {
  if (task !== 'sequence-labeling') return rows.length;
  return rows.reduce(
    (sum, { targets }) => sum + targets.reduce((count, target) => count + Number(target >= 0), 0),
    0,
  );
}

/** Inputs of the step graph but the parameters. @param units Loss units of the whole step, over all its batches. */
export function stepInputs(
  rows: readonly TrainingRow[],
  { config, head, units }: { config: EncoderConfig; head: HeadSpec; units: number },
): Record<string, HostTensor> {
  const feeds = tokenFeeds(
    rows.map(({ window }) => ({ window, head: head.head })),
    config,
  );
  return { ...feeds, targets: targetsOf(rows, feeds.input_ids!.shape[1]!, head, 1 / units) };
}

function targetsOf(
  rows: readonly TrainingRow[],
  s: number,
  { task, labels }: HeadSpec,
  weight: number,
): HostTensor {
  const b = rows.length;
  if (task === 'question-answering') {
    const data = new Float32Array(b * 2 * s);
    rows.forEach(({ targets }, row) => {
      data[row * 2 * s + targets[0]!] = weight / 2;
      data[row * 2 * s + s + targets[1]!] = weight / 2;
    });
    return { dtype: 'float32', shape: [b, 2, s], data };
  }
  const places = task === 'classification' ? 1 : s;
  const data = new Float32Array(b * places * labels);
  rows.forEach(({ targets }, row) => {
    targets.forEach((label, place) => {
      if (label >= 0) data[(row * places + place) * labels + label] = weight;
    });
  });
  return { dtype: 'float32', shape: [b * places, labels], data };
}
