/**
 * The serving engine seam: rows in, logits out. A row is one window with the adapter that reads it; rows of any tenants
 * share a run.
 */
import type { ResidentAdapter } from '../artifacts/adapter.ts';
import type { BaseManifest } from '../artifacts/manifests.ts';
import type { Window } from '../tasks/windows.ts';

export interface Row {
  window: Window;
  adapter: ResidentAdapter;
}

export interface Engine {
  readonly base: BaseManifest;
  /** Logits of each row: [labels] of a pooled head, [tokens * labels] of a token head. */
  run(rows: readonly Row[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}
