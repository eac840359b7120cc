/**
 * The serving engine seam: rows in, logits out. A row is one window with the adapter that reads it; rows of any tenants
 * share a run.
 */
import type { ResidentAdapter } from '../artifacts/adapter.ts';
import type { AdapterManifest, BaseManifest } from '../artifacts/manifests.ts';
import type { Window } from '../tasks/windows.ts';
import type { Priority } from './queue.ts';

export interface Row {
  window: Window;
  adapter: ResidentAdapter;
}

/** What is needed of an AbortSignal. Real ones fit, and so does what is lighter to make for each request. */
export interface Stop {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

export interface RunOptions {
  /** Whose turn it is when many wait: rows of one key share one turn. */
  tenant?: string | undefined;
  /** Left out: interactive. */
  priority?: Priority | undefined;
  /** Rows that have not begun to run are dropped when this aborts, and the promise rejects with its reason. */
  signal?: Stop | undefined;
  /** Called once, when the first of the rows begins to run. */
  began?: (() => void) | undefined;
}

export interface Engine {
  readonly base: BaseManifest;
  /**
   * Logits of each row: [labels] of a pooled head, [tokens * labels] of a token head.
   * @throws VeneerError `rate_limited` where too much waits already, `unavailable` where the workers keep failing.
   */
  run(rows: readonly Row[], options?: RunOptions): Promise<Float32Array[]>;
  /** Opens in every runner what the first rows of these adapters will need. */
  warm(adapters: readonly AdapterManifest[]): Promise<void>;
  close(): Promise<void>;
}
