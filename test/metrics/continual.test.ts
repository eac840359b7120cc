/** ACC, BWT and FWT of GEM (https://arxiv.org/abs/1706.08840) on matrices worked out by hand. */
import { expect, test } from 'vitest';
import { scoreTaskSequence } from '../../trainer/metrics/continual.ts';

test('three tasks, the first of which is half forgotten and the last of which was known before', () => {
  const score = scoreTaskSequence({
    accuracies: [
      [0.9, 0.3, 0.5],
      [0.7, 0.8, 0.75],
      [0.4, 0.85, 1],
    ],
    chance: [undefined, 0.25, 0.5],
  });
  // (0.4 + 0.85 + 1) / 3; (0.4 - 0.9 + 0.85 - 0.8) / 2; (0.3 - 0.25 + 0.75 - 0.5) / 2
  expect(score.averageAccuracy).toBeCloseTo(0.75, 12);
  expect(score.backwardTransfer).toBeCloseTo(-0.225, 12);
  expect(score.forgetting).toBeCloseTo(0.225, 12);
  expect(score.forwardTransfer).toBeCloseTo(0.15, 12);
});

test('a task whose labels were not there before has no forward transfer', () => {
  const accuracies = [
    [1, 0, 0.6],
    [1, 1, 0.8],
    [1, 1, 1],
  ];
  const { forwardTransfer, forgetting } = scoreTaskSequence({
    accuracies,
    chance: [undefined, undefined, 0.5],
  });
  expect(forwardTransfer).toBeCloseTo(0.3, 12);
  expect(forgetting).toBe(0);
  expect(scoreTaskSequence({ accuracies, chance: [0, undefined, undefined] }).forwardTransfer).toBeNull();
});

test('getting better at an earlier task is negative forgetting', () => {
  const accuracies = [
    [0.5, 0.5],
    [0.75, 1],
  ];
  expect(scoreTaskSequence({ accuracies, chance: [undefined, 0.5] }).forgetting).toBe(-0.25);
});

test('one task has an accuracy and nothing else; a matrix that is none is refused', () => {
  expect(scoreTaskSequence({ accuracies: [[0.5]], chance: [undefined] })).toEqual({
    averageAccuracy: 0.5,
    backwardTransfer: null,
    forgetting: null,
    forwardTransfer: null,
  });
  expect(() => scoreTaskSequence({ accuracies: [[1, 0]], chance: [undefined] })).toThrow(/columns/);
  expect(() => scoreTaskSequence({ accuracies: [], chance: [] })).toThrow(/0 rows/);
});
