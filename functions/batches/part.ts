/** Answers the items of one part, many at once, in the background of the engine; every item has its line in the result. */
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunOptions } from '../engine/engine.ts';
import { VeneerError } from '../error.ts';
import type { Asked, Item, Refusal } from './item.ts';

export interface ItemUsage {
  /** Tokens computed, special tokens counted. */
  tokens: number;
  windows: number;
}

export type AnswerItem = (asked: Asked, run: RunOptions) => Promise<{ output: unknown; usage: ItemUsage }>;

/** A line of the result. */
export type ResultLine = { index: number; id: string | null; status: number } & (
  | { output: unknown; usage: ItemUsage }
  | { error: Refusal['error'] }
);

export interface PartArguments {
  items: readonly Item[];
  /** Place of the first item in the batch, from 0. */
  firstIndex: number;
  tenant: string;
  answer: AnswerItem;
  refusal(error: VeneerError): Refusal;
  /** What goes wrong by our fault, for the log. */
  onError(error: unknown): void;
  signal: AbortSignal;
}

/** Items in the engine at once: enough to fill the batches of several workers, few enough to take back at once. */
const itemsAtOnce = 64;
/** Of an item that the engine fails to run. */
const maxTries = 3;
const pauseMs = 250;
const internal: Refusal = { error: { code: 'internal', message: 'the server failed' }, status: 500 };

/** @throws The signal's reason where it aborts: then nothing of the part counts. */
export async function answerPart(part: PartArguments): Promise<ResultLine[]> {
  const { items, firstIndex, signal } = part;
  // Each item in the engine listens.
  setMaxListeners(itemsAtOnce + 1, signal);
  const lines: ResultLine[] = new Array(items.length);
  const waiting = items.entries();
  const lane = async () => {
    for (const [i, item] of waiting) {
      const { id } = item;
      lines[i] = { index: firstIndex + i, id, ...(await answerItem(item, part)) };
      signal.throwIfAborted();
    }
  };
  await Promise.all(Array.from({ length: itemsAtOnce }, lane));
  return lines;
}

type Answered = { output: unknown; usage: ItemUsage; status: number } | Refusal;

async function answerItem(item: Item, part: PartArguments): Promise<Answered> {
  if ('refused' in item) return item.refused;
  const { answer, refusal, onError, signal, tenant } = part;
  for (let tries = 1; ; tries++) {
    try {
      const { output, usage } = await answer(item, { tenant, priority: 'background', signal });
      return { output, usage, status: 200 };
    } catch (error) {
      signal.throwIfAborted();
      const code = error instanceof VeneerError ? error.code : undefined;
      if (code === 'rate_limited') tries--;
      else if (code !== 'unavailable' || tries === maxTries) {
        if (code === undefined || code === 'unavailable') onError(error);
        return error instanceof VeneerError ? refusal(error) : internal;
      }
      // Random, so that not all come again at once.
      await sleep(pauseMs * (0.5 + Math.random()), undefined, { signal });
    }
  }
}
