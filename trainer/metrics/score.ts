/** Precision, recall and F1 from counts; what divides by zero is 0. Fractions, 0 to 1. */

export interface Counts {
  /** True positives. */
  correct: number;
  predicted: number;
  gold: number;
}

export interface Score {
  precision: number;
  recall: number;
  f1: number;
  /** How many there are in gold. */
  support: number;
}

export function scoreOf({ correct, predicted, gold }: Counts): Score {
  return {
    precision: predicted === 0 ? 0 : correct / predicted,
    recall: gold === 0 ? 0 : correct / gold,
    f1: predicted + gold === 0 ? 0 : (2 * correct) / (predicted + gold),
    support: gold,
  };
}
