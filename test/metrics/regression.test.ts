/** Correlations and mean squared error against scipy and scikit-learn (problems.py). */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { scoreRegression } from '../../trainer/metrics/regression.ts';

interface Golden {
  gold: number[];
  predicted: number[];
  pearson: number;
  spearman: number;
  mse: number;
}
const golden: Golden[] = JSON.parse(readFileSync(new URL('golden/regression.json', import.meta.url), 'utf8'));

test('scores are those of scipy and scikit-learn, with ties among the values', () => {
  expect(golden.length).toBeGreaterThan(15);
  expect(golden.some(({ gold }) => new Set(gold).size < gold.length)).toBe(true);
  for (const { gold, predicted, ...expected } of golden) {
    const metrics = scoreRegression(gold, predicted);
    for (const [name, value] of Object.entries(expected)) expect(metrics[name], name).toBeCloseTo(value, 10);
  }
});

test('large values that lie close together still correlate', () => {
  expect(scoreRegression([1e9 + 1, 1e9 + 2, 1e9 + 3], [1, 2, 3]).pearson).toBeCloseTo(1, 12);
});

test('a constant has correlation 0, never NaN', () => {
  expect(scoreRegression([1, 2], [0.1, 0.1])).toMatchObject({ pearson: 0, spearman: 0 });
  expect(scoreRegression([3], [3])).toEqual({ pearson: 0, spearman: 0, mse: 0 });
  expect(() => scoreRegression([1], [])).toThrow('0 predictions for 1 examples');
});
