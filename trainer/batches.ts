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
import { targetsOf } from './targets.ts';

export interface TrainingRow {
  window: Window;
  /** See TrainingTask.targets. */
  targets: Int32Array | Float32Array;
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

/** Inputs of the step graph but the parameters. @param units Loss units of the whole step, over all its batches. */
export function stepInputs(
  rows: readonly TrainingRow[],
  { config, head, units }: { config: EncoderConfig; head: HeadSpec; units: number },
): Record<string, HostTensor> {
  const feeds = tokenFeeds(
    rows.map(({ window }) => ({ window, head: head.head })),
    config,
  );
  return { ...feeds, targets: targetsOf(rows, head, { s: feeds.input_ids!.shape[1]!, units }) };
}
