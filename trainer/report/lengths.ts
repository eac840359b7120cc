/** How long the inputs are, in tokens as the model reads them. */
import type { Window } from '../../functions/tasks/windows.ts';

export interface Lengths {
  /** One an input, in the order of the inputs. */
  tokens: number[];
  median: number;
  /** The 95th percentile. */
  p95: number;
  max: number;
  /** Inputs that needed more than one window. */
  windowed: number;
}

/** Tokens of an input with special tokens and, of a pair, both texts; what windows share is counted once. */
export function tokensOf(windows: readonly Window[]): number {
  const { first, ids } = windows.at(-1)!;
  return first + ids.length;
}

export function lengthsOf(inputs: readonly (readonly Window[])[]): Lengths {
  const tokens = inputs.map(tokensOf);
  const sorted = [...tokens].sort((a, b) => a - b);
  // The nearest rank: a length that occurs.
  const quantile = (q: number) => sorted[Math.max(0, Math.ceil(q * sorted.length) - 1)] ?? 0;
  return {
    tokens,
    median: quantile(0.5),
    p95: quantile(0.95),
    max: quantile(1),
    windowed: inputs.filter(windows => windows.length > 1).length,
  };
}
