/** Softmax and its parts, against closed forms and at the extremes of what logits can be. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { logSoftmax, logSumExp, sigmoid, softmax } from '../../functions/tasks/probability.ts';

const logits = fc.array(fc.double({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 1, maxLength: 30 });

test('logSumExp of nothing, and of nothing but -Infinity, is -Infinity', () => {
  expect(logSumExp([])).toBe(-Infinity);
  expect(logSumExp([-Infinity])).toBe(-Infinity);
  expect(logSumExp([-Infinity, -Infinity])).toBe(-Infinity);
});

test.each([
  [[0, 0], Math.LN2],
  [[-100, 3], 3],
  [[3, -100], 3],
  [[1e4, -1e4], 1e4],
  [[-1e4, 1e4], 1e4],
  [[1e308, 1e308], 1e308],
  [[-1e308, -1e308], -1e308],
  [[-Infinity, 5, -Infinity], 5],
  [[-1e4, -1e4], -1e4 + Math.LN2],
  [[5, Infinity], Infinity],
])('logSumExp of %j is %f', (values, expected) => {
  expect(logSumExp(values)).toBeCloseTo(expected, 12);
});

test('logSumExp does not depend on order, moves with its values and is at least the largest', () => {
  fc.assert(
    fc.property(logits, fc.double({ min: -1e3, max: 1e3, noNaN: true }), (values, shift) => {
      const total = logSumExp(values);
      // 16 digits of numbers up to 1e4.
      expect(logSumExp([...values].reverse())).toBeCloseTo(total, 9);
      expect(logSumExp(values.map(value => value + shift))).toBeCloseTo(total + shift, 9);
      expect(total).toBeGreaterThanOrEqual(Math.max(...values));
      expect(total).toBeLessThanOrEqual(Math.max(...values) + Math.log(values.length) + 1e-9);
    }),
  );
});

test('logSumExp takes any iterable, once through', () => {
  expect(logSumExp(new Set([1, 2, 3]).values())).toBeCloseTo(
    Math.log(Math.E + Math.E ** 2 + Math.E ** 3),
    12,
  );
});

test.each([
  [
    [-100, 3],
    [Math.exp(-103), 1],
  ],
  [
    [1e4, -1e4],
    [1, 0],
  ],
  [
    [-1e4, -1e4],
    [0.5, 0.5],
  ],
  [
    [1e308, -1e308],
    [1, 0],
  ],
  [
    [-Infinity, 0],
    [0, 1],
  ],
  [[7], [1]],
  [[-1e30], [1]],
])('softmax of %j is %j', (values, expected) => {
  expect([...softmax(values)]).toEqual(expected.map(value => expect.closeTo(value, 12)));
});

test('logSoftmax stays finite where the probability is zero in any float', () => {
  expect([...logSoftmax([1e4, -1e4])]).toEqual([0, -2e4]);
  expect([...logSoftmax([0, 0])]).toEqual([expect.closeTo(-Math.LN2, 15), expect.closeTo(-Math.LN2, 15)]);
});

test('softmax keeps probabilities far below the float32 range', () => {
  expect(softmax([-200, 0])[0]! / Math.exp(-200)).toBeCloseTo(1, 10);
});

test('softmax of nothing is nothing; of nothing but -Infinity it is undefined, as in NumPy and PyTorch', () => {
  expect([...softmax([])]).toEqual([]);
  expect([...softmax([-Infinity, -Infinity])]).toEqual([NaN, NaN]);
});

test('softmax gives probabilities that sum to 1, in the order of the logits', () => {
  fc.assert(
    fc.property(logits, values => {
      const row = softmax(values);
      expect(row.reduce((a, b) => a + b, 0)).toBeCloseTo(1, 9);
      for (const [i, value] of values.entries()) {
        expect(row[i]).toBeGreaterThanOrEqual(0);
        if (i > 0 && value > values[i - 1]!) expect(row[i]).toBeGreaterThanOrEqual(row[i - 1]!);
      }
    }),
  );
});

test('sigmoid is the softmax of a logit against 0, and 0 or 1 at the extremes', () => {
  fc.assert(
    fc.property(logits, values => {
      const expected = values.map(value => expect.closeTo(softmax([value, 0])[0]!, 12));
      expect([...sigmoid(values)]).toEqual(expected);
    }),
  );
  expect([...sigmoid([-1e308, 0, 1e308])]).toEqual([0, 0.5, 1]);
});
