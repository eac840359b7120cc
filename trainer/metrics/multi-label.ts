/**
 * F1 of multi-label classification as scikit-learn computes it over indicator matrices (zero_division 0), and the threshold
 * that suits a dev set best. Fractions, 0 to 1.
 */
import type { Metrics } from '../../functions/artifacts/manifests.ts';
import { type Counts, scoreOf } from './score.ts';

export interface MultiLabelScores {
  /** Of all labels, also those that do not occur. */
  labels: readonly string[];
  /** Labels of each example. */
  gold: readonly (readonly string[])[];
  /** Scores of each example, by label. */
  scores: readonly ReadonlyMap<string, number>[];
}

/**
 * `f1_micro`, `f1_macro` (the mean over all labels) at `threshold`, the same at 0.5 (`_at_half`), and the threshold itself.
 * A label is predicted from the threshold on.
 */
export function scoreMultiLabel(answers: MultiLabelScores, threshold: number): Metrics {
  const own = f1At(answers, threshold);
  const half = f1At(answers, 0.5);
  return {
    f1_micro: own.micro,
    f1_macro: own.macro,
    f1_micro_at_half: half.micro,
    f1_macro_at_half: half.macro,
    threshold,
  };
}

interface LabelSets {
  labels: readonly string[];
  /** Labels of each example, as they should be and as they were predicted; others than `labels` do not count. */
  gold: readonly (readonly string[])[];
  predicted: readonly (readonly string[])[];
}

export function countLabels({ labels, gold, predicted }: LabelSets): Map<string, Counts> {
  const counts = new Map(
    labels.map((label): [string, Counts] => [label, { correct: 0, predicted: 0, gold: 0 }]),
  );
  gold.forEach((given, i) => {
    const [wanted, found] = [new Set(given), new Set(predicted[i])];
    for (const label of new Set([...wanted, ...found])) {
      const count = counts.get(label);
      if (!count) continue;
      count.gold += Number(wanted.has(label));
      count.predicted += Number(found.has(label));
      count.correct += Number(wanted.has(label) && found.has(label));
    }
  });
  return counts;
}

function f1At({ labels, gold, scores }: MultiLabelScores, threshold: number) {
  const predicted = scores.map(each =>
    [...each].flatMap(([label, score]) => (score >= threshold ? [label] : [])),
  );
  const counts = countLabels({ labels, gold, predicted });
  const total: Counts = { correct: 0, predicted: 0, gold: 0 };
  for (const count of counts.values()) {
    total.correct += count.correct;
    total.predicted += count.predicted;
    total.gold += count.gold;
  }
  const sum = [...counts.values()].reduce((all, each) => all + scoreOf(each).f1, 0);
  return { micro: scoreOf(total).f1, macro: sum / Math.max(1, labels.length) };
}

const steps = 100;

/** The hundredth, 0.01 to 0.99, of the highest micro F1; of equal ones the nearest to 0.5. */
export function bestThreshold({ gold, scores }: MultiLabelScores): number {
  // By the highest hundredth at which the label is still predicted.
  const predicted = new Float64Array(steps);
  const correct = new Float64Array(steps);
  let wantedCount = 0;
  gold.forEach((given, i) => {
    const wanted = new Set(given);
    wantedCount += wanted.size;
    for (const [label, score] of scores[i]!) {
      let bin = Math.min(steps - 1, Math.floor(score * steps));
      while (bin + 1 < steps && score >= (bin + 1) / steps) bin++;
      while (bin > 0 && score < bin / steps) bin--;
      predicted[bin]!++;
      if (wanted.has(label)) correct[bin]!++;
    }
  });
  let best = { f1: -1, threshold: 0.5 };
  const total: Counts = { correct: 0, predicted: 0, gold: wantedCount };
  for (let bin = steps - 1; bin > 0; bin--) {
    total.correct += correct[bin]!;
    total.predicted += predicted[bin]!;
    const { f1 } = scoreOf(total);
    const threshold = bin / steps;
    const isNearer = Math.abs(threshold - 0.5) < Math.abs(best.threshold - 0.5);
    if (f1 > best.f1 || (f1 === best.f1 && isNearer)) best = { f1, threshold };
  }
  return best.threshold;
}
