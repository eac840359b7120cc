/** Class weights and start biases: those of scikit-learn's formulas, worked out by hand. */
import { describe, expect, test } from 'vitest';
import { classWeightsOf, countsOf, startBias } from '../trainer/class-weights.ts';

const rowsOf = (...targets: number[][]) => targets.map(row => ({ targets: Int32Array.from(row) }));
const labels = ['a', 'b', 'c'];
const loss = 'single-label';

describe('balanced', () => {
  test('is all over classes times own count, as compute_class_weight gives for [0, 0, 0, 1]', () => {
    const rows = rowsOf([0], [0], [0], [1]);
    expect([...classWeightsOf('balanced', { loss, labels: ['a', 'b'], rows })]).toEqual([
      Math.fround(4 / (2 * 3)),
      2,
    ]);
  });

  test('counts the tags that are trained, and leaves a class that does not occur at 1', () => {
    const rows = rowsOf([-1, 0, 0, -1], [0, 1]);
    expect([...countsOf(rows, 3)]).toEqual([3, 1, 0]);
    expect([...classWeightsOf('balanced', { loss: 'sequence-labeling', labels, rows })]).toEqual([
      Math.fround(4 / 6),
      2,
      1,
    ]);
  });

  test('of several labels is the rows without over the rows with', () => {
    const rows = rowsOf([0, 1], [0], [0], []);
    expect([...classWeightsOf('balanced', { loss: 'multi-label', labels, rows })]).toEqual([
      Math.fround(1 / 3),
      3,
      1,
    ]);
  });
});

test('weights by name leave the other labels at 1, whatever they are called', () => {
  const weights = classWeightsOf({ b: 2.5 }, { loss, labels: ['a', 'b', 'toString'], rows: [] });
  expect([...weights]).toEqual([1, 2.5, 1]);
});

test('a name that is no label, and a loss without classes, are refused', () => {
  expect(() => classWeightsOf({ d: 1 }, { loss, labels, rows: [] })).toThrow(
    '--class-weights: "d" is no label: the train split has a, b, c',
  );
  for (const other of ['regression', 'question-answering'] as const)
    expect(() => classWeightsOf('balanced', { loss: other, labels, rows: [] })).toThrow('has no classes');
});

describe('a bias', () => {
  test('of several labels starts at the log-odds, finite also for a label that no row or every row has', () => {
    const rows = rowsOf([0, 1], [0], [0], [0]);
    const bias = startBias({ loss: 'multi-label', labels, rows })!;
    expect(bias[0]).toBeCloseTo(Math.log(4.5 / 0.5), 6);
    expect(bias[1]).toBeCloseTo(Math.log(1.5 / 3.5), 6);
    expect(bias[2]).toBeCloseTo(Math.log(0.5 / 4.5), 6);
  });

  test('of a weighted label starts where the weighted loss is least', () => {
    const rows = rowsOf([0], [], [], []);
    const bias = startBias({ loss: 'multi-label', labels: ['a'], rows }, Float32Array.of(3))!;
    expect(bias[0]).toBeCloseTo(Math.log((1.5 * 3) / 3.5), 6);
  });

  test('of regression starts at the mean, and else at zero', () => {
    const rows = [{ targets: Float32Array.of(1.5) }, { targets: Float32Array.of(4) }];
    expect([...startBias({ loss: 'regression', labels: ['LABEL_0'], rows })!]).toEqual([2.75]);
    expect(startBias({ loss, labels, rows: rowsOf([0]) })).toBeUndefined();
  });
});
