/** What an engine tells of its work to whoever measures it. It knows nothing of metrics, and no text or tenant passes here. */

export interface BatchReport {
  rows: number;
  /** Of its rows, without padding. */
  tokens: number;
  /** Rows times the longest of them: what was computed. */
  paddedTokens: number;
  /** Of each row, from its arrival until the batch began. */
  waitedMs: readonly number[];
  /** From its begin until its end, opening the graph included where that was not open yet. */
  runMs: number;
}

export interface EngineObserver {
  /** Rows that wait now, after each change. */
  waiting(rows: number): void;
  /** A batch ended, well or not. */
  batch(report: BatchReport): void;
  /** A runner that died was replaced. */
  restarted(): void;
}
