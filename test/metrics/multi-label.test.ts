/** Multi-label F1 and its best threshold against scikit-learn (problems.py). */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { bestThreshold, type MultiLabelScores, scoreMultiLabel } from '../../trainer/metrics/multi-label.ts';

interface Golden {
  labels: string[];
  gold: string[][];
  scores: number[][];
  /** By threshold. */
  f1: Record<string, [micro: number, macro: number]>;
  best: { f1: number; distance: number };
}
const golden: Golden[] = JSON.parse(
  readFileSync(new URL('golden/multi-label.json', import.meta.url), 'utf8'),
);

const answersOf = ({
  labels,
  gold,
  scores,
}: Pick<Golden, 'labels' | 'gold' | 'scores'>): MultiLabelScores => ({
  labels,
  gold,
  scores: scores.map(row => new Map(row.map((score, i) => [labels[i]!, score]))),
});

test('micro and macro F1 are those of scikit-learn at any threshold', () => {
  expect(golden.length).toBeGreaterThan(20);
  for (const testCase of golden)
    for (const [threshold, [micro, macro]] of Object.entries(testCase.f1)) {
      const metrics = scoreMultiLabel(answersOf(testCase), Number(threshold));
      expect(metrics.f1_micro).toBeCloseTo(micro, 12);
      expect(metrics.f1_macro).toBeCloseTo(macro, 12);
      expect(metrics.f1_micro_at_half).toBeCloseTo(testCase.f1['0.5']![0], 12);
      expect(metrics.f1_macro_at_half).toBeCloseTo(testCase.f1['0.5']![1], 12);
      expect(metrics.threshold).toBe(Number(threshold));
    }
});

test('the best threshold has the highest micro F1 of all hundredths, and of those the nearest to one half', () => {
  for (const testCase of golden) {
    const answers = answersOf(testCase);
    const threshold = bestThreshold(answers);
    expect(scoreMultiLabel(answers, threshold).f1_micro).toBeCloseTo(testCase.best.f1, 12);
    expect(Math.abs(threshold - 0.5)).toBeCloseTo(testCase.best.distance, 9);
  }
});

test('where nothing can be found, the threshold is one half and the scores are zero', () => {
  for (const gold of [[[]], [['a']]]) {
    const answers = answersOf({ labels: ['a'], gold, scores: [[0]] });
    expect(bestThreshold(answers)).toBe(0.5);
    expect(scoreMultiLabel(answers, 0.5)).toMatchObject({ f1_micro: 0, f1_macro: 0 });
  }
});
