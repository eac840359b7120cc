/** What a process needs to work on batches. */
import type { VeneerError } from '../error.ts';
import type { Store } from '../store/store.ts';
import type { Batch } from './document.ts';
import type { Refusal } from './item.ts';
import type { AnswerItem, ItemUsage } from './part.ts';

export interface BatchWork {
  store: Store;
  /**
   * The batch's adapter, ready to be asked.
   * @throws VeneerError `unavailable` where it is worth trying again; any other is the answer to all of its lines.
   */
  open(batch: Batch): Promise<AnswerItem>;
  refusal(error: VeneerError): Refusal;
  /** Told of each part once, when its results are stored. */
  count(batch: Batch, counts: ItemUsage & { requests: number }): Promise<void>;
  onError(error: unknown): void;
  now(): Date;
  timing?: Partial<BatchTiming> | undefined;
}

export interface BatchTiming {
  /** How long a batch stays with a process that says nothing. */
  leaseMs: number;
  heartbeatMs: number;
  /** How long what is over is kept. */
  keptMs: number;
  /** How long a batch may take to be sent. */
  uploadMs: number;
}

const hourMs = 3_600_000;

export const defaultBatchTiming: BatchTiming = {
  leaseMs: 60_000,
  heartbeatMs: 10_000,
  keptMs: 30 * 24 * hourMs,
  uploadMs: hourMs,
};
