/** Accuracy and F1 against scikit-learn (golden.py). */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { scoreClassification } from '../../trainer/metrics/classification.ts';

type Golden = {
  gold: string[];
  predicted: string[];
  accuracy: number;
  f1_macro: number;
  f1_micro: number;
  perLabel: Record<string, [precision: number, recall: number, f1: number, support: number]>;
};
const golden: Golden[] = JSON.parse(
  readFileSync(new URL('golden/classification.json', import.meta.url), 'utf8'),
);

test('scores are those of scikit-learn', () => {
  expect(golden.length).toBeGreaterThan(30);
  for (const { gold, predicted, perLabel, ...expected } of golden) {
    const score = scoreClassification(gold, predicted);
    for (const [name, value] of Object.entries(expected))
      expect(score.metrics[name], name).toBeCloseTo(value, 12);
    expect(Object.keys(score.perLabel)).toEqual(Object.keys(perLabel));
    for (const [label, [precision, recall, f1, support]] of Object.entries(perLabel)) {
      const found = score.perLabel[label]!;
      expect(found.support).toBe(support);
      expect(found.precision).toBeCloseTo(precision, 12);
      expect(found.recall).toBeCloseTo(recall, 12);
      expect(found.f1).toBeCloseTo(f1, 12);
    }
  }
});

test('a label that is only predicted counts in the macro average', () => {
  expect(scoreClassification(['a', 'a'], ['a', 'b']).metrics.f1_macro).toBeCloseTo((2 / 3 + 0) / 2, 12);
});

test('a label named __proto__ is a label', () => {
  expect(scoreClassification(['__proto__'], ['__proto__']).metrics.accuracy).toBe(1);
});

test('nothing to score gives zeros, and missing predictions are a fault of the caller', () => {
  expect(scoreClassification([], []).metrics).toEqual({ accuracy: 0, f1_macro: 0, f1_micro: 0 });
  expect(() => scoreClassification(['a'], [])).toThrow('0 predictions for 1 examples');
});
