/** What computes a batch: in the calling thread (inline-runner.ts), or in a worker thread (worker-runner.ts). */
import type { Feed } from './token-feeds.ts';

export interface Logits {
  data: Float32Array;
  /** [B, places, C] */
  shape: readonly number[];
  /** Buffers of the feeds, given back: no run reads them any more. */
  spent?: ArrayBuffer[];
}

export const buffersOf = (feeds: Readonly<Record<string, Feed>>) =>
  Object.values(feeds).map(({ data }) => data.buffer as ArrayBuffer);

export interface Runner {
  /** Runs the serving graph of this name; calls run in their order. The feeds are given away: their buffers may move. */
  run(graph: string, feeds: Readonly<Record<string, Feed>>): Promise<Logits>;
  /** Opens the graph's session ahead of the first run that needs it. */
  open(graph: string): Promise<void>;
  /** Whether it can run again; a worker thread that died cannot. */
  readonly alive: boolean;
  close(): Promise<void>;
}

/** Where the graphs of a base are: local path by variant name. */
export type GraphPaths = (variant: string) => Promise<string>;
