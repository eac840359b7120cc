/** Confusion matrix and calibration against scikit-learn and NumPy (golden.py); lengths by hand. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { calibrationOf } from '../../trainer/report/calibration.ts';
import { confusionOf } from '../../trainer/report/confusion.ts';
import { lengthsOf } from '../../trainer/report/lengths.ts';

interface Golden {
  confusion: { expected: string[]; predicted: string[]; labels: string[]; matrix: number[][] }[];
  calibration: {
    confidence: number[];
    correct: boolean[];
    bins: number;
    counts: number[];
    error: number;
  }[];
}
const golden: Golden = JSON.parse(readFileSync(new URL('golden/analysis.json', import.meta.url), 'utf8'));

describe('a confusion matrix', () => {
  test.each(golden.confusion)('of $labels.length labels is that of scikit-learn', testCase => {
    const pairs = testCase.expected.map((expected, i) => ({ expected, predicted: testCase.predicted[i]! }));
    const confusion = confusionOf(pairs);
    expect(confusion.labels).toEqual(testCase.labels);
    expect(confusion.matrix).toEqual(testCase.matrix);
    const offDiagonal = testCase.matrix.flatMap((row, i) => row.filter((cell, j) => i !== j && cell > 0));
    expect(confusion.confused.map(({ count }) => count)).toEqual(offDiagonal.sort((a, b) => b - a));
  });

  test('of more labels than can be read is a list of confusions, the most frequent first', () => {
    const labels = Array.from({ length: 30 }, (_, i) => `label ${i}`);
    const right = labels.map(label => ({ expected: label, predicted: label }));
    const wrong = { expected: 'label 3', predicted: 'label 4' };
    const rare = { expected: 'label 7', predicted: 'label 8' };
    const { matrix, confused } = confusionOf([rare, ...right, wrong, wrong]);
    expect(matrix).toEqual([]);
    expect(confused).toEqual([
      { ...wrong, count: 2, share: 2 / 3 },
      { ...rare, count: 1, share: 1 / 2 },
    ]);
  });

  test('of nothing is empty, and names like properties of objects are names', () => {
    expect(confusionOf([])).toEqual({ labels: [], matrix: [], confused: [] });
    const { labels, matrix } = confusionOf([{ expected: '__proto__', predicted: 'constructor' }]);
    expect(labels).toEqual(['__proto__', 'constructor']);
    expect(matrix).toEqual([
      [0, 1],
      [0, 0],
    ]);
  });
});

describe('calibration', () => {
  test.each(golden.calibration)('of $confidence.length answers in $bins bins is that of NumPy', testCase => {
    const answers = testCase.confidence.map((confidence, i) => ({
      confidence,
      correct: testCase.correct[i]!,
    }));
    const { bins, expectedError } = calibrationOf(answers, testCase.bins);
    expect(bins.map(({ count }) => count)).toEqual(testCase.counts);
    expect(expectedError).toBeCloseTo(testCase.error, 12);
  });

  test('of answers that are as often right as they say has no error', () => {
    const answers = [1, 1, 0, 0].map(correct => ({ confidence: 0.5, correct: correct === 1 }));
    expect(calibrationOf(answers).expectedError).toBe(0);
  });

  test('of certain mistakes is off by everything', () => {
    expect(calibrationOf([{ confidence: 1, correct: false }]).expectedError).toBe(1);
    expect(calibrationOf([{ confidence: 0, correct: true }]).expectedError).toBe(1);
  });

  test('keeps a probability that was rounded past 1 in the last bin', () => {
    const { bins } = calibrationOf([{ confidence: 1 + 1e-12, correct: true }]);
    expect(bins.map(({ count }) => count)).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
  });

  test('of nothing has no error', () => {
    expect(calibrationOf([]).expectedError).toBe(0);
  });
});

describe('lengths', () => {
  const window = (first: number, length: number) => ({
    ids: new Int32Array(length),
    typeIds: new Int32Array(length),
    position: 1,
    first,
    count: length - 2,
  });

  test('count what windows share once', () => {
    // 18 tokens and two special ones, in windows of 10 that share 2: tokens 0-7, 6-13, 12-17.
    const { tokens, windowed } = lengthsOf([[window(0, 10), window(6, 10), window(12, 8)]]);
    expect(tokens).toEqual([20]);
    expect(windowed).toBe(1);
  });

  test('have quantiles that occur', () => {
    const inputs = Array.from({ length: 100 }, (_, i) => [window(0, i + 1)]);
    expect(lengthsOf(inputs)).toMatchObject({ median: 50, p95: 95, max: 100, windowed: 0 });
    expect(lengthsOf([[window(0, 7)]])).toMatchObject({ median: 7, p95: 7, max: 7 });
  });
});
