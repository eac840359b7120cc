/** Accuracy and F1 of single-label classification, as scikit-learn computes them (zero_division 0). Fractions, 0 to 1. */
import type { Metrics } from '../../functions/artifacts/manifests.ts';
import { type Counts, type Score, scoreOf } from './score.ts';

export interface ClassificationScore {
  /** `accuracy`, `f1_micro` and `f1_macro`: the mean over the labels that occur in gold or predictions. */
  metrics: Metrics;
  /** By label, ascending. */
  perLabel: Record<string, Score>;
}

/** @param predicted one label an example, in the order of `gold`. */
export function scoreClassification(
  gold: readonly string[],
  predicted: readonly string[],
): ClassificationScore {
  if (gold.length !== predicted.length)
    throw new Error(`${predicted.length} predictions for ${gold.length} examples`);
  const labels = [...new Set([...gold, ...predicted])].sort();
  const counts = new Map<string, Counts>(labels.map(label => [label, { correct: 0, predicted: 0, gold: 0 }]));
  let correct = 0;
  for (const [index, label] of gold.entries()) {
    const guess = predicted[index]!;
    counts.get(label)!.gold++;
    counts.get(guess)!.predicted++;
    if (label !== guess) continue;
    counts.get(label)!.correct++;
    correct++;
  }
  const scores = labels.map(label => [label, scoreOf(counts.get(label)!)] as const);
  const macro = scores.reduce((sum, [, { f1 }]) => sum + f1, 0) / Math.max(1, labels.length);
  const micro = scoreOf({ correct, predicted: predicted.length, gold: gold.length });
  return {
    metrics: { accuracy: micro.recall, f1_macro: macro, f1_micro: micro.f1 },
    perLabel: Object.fromEntries(scores),
  };
}
