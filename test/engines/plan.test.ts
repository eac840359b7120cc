/** Plans: when a slot is freed, and how much memory a run needs. */
import { describe, expect, test } from 'vitest';
import { peakBytes, planOf, rowsThatFit } from '../../trainer/engines/plan.ts';
import { Graph } from '../../trainer/graph/graph.ts';

/** exp(exp(x)) + x over [B, 8]. */
function chain() {
  const g = new Graph();
  const x = g.input('x', ['B', 8]);
  return planOf({ y: g.add(g.exp(g.exp(x)), x) });
}
const row = 8 * 4;
const sizes = (rows: number) => new Map([['B', rows]]);

describe('a plan', () => {
  test('frees every slot once, right after its last reader, and never a result', () => {
    const { steps, outputs } = chain();
    expect(steps.map(({ op }) => op)).toEqual(['input', 'exp', 'exp', 'add']);
    expect(steps.map(({ frees }) => frees)).toEqual([[], [], [1], [0, 2]]);
    expect(outputs).toEqual({ y: 3 });
  });

  test('crosses to another process', () => {
    const plan = chain();
    expect(structuredClone(plan)).toEqual(plan);
  });

  test('needs what is alive at once: x and two of the chain', () => {
    expect(peakBytes(chain(), sizes(10))).toBe(3 * 10 * row);
  });

  test('counts a view with what it views, and weights always', () => {
    const g = new Graph();
    const w = g.weight('w', [8, 8]);
    const x = g.reshape(g.input('x', ['B', 2, 4]), ['B', 8]);
    expect(peakBytes(planOf({ y: g.matmul(x, w) }), sizes(10))).toBe(8 * 8 * 4 + 2 * 10 * row);
  });
});

describe('rows that fit', () => {
  test.each([
    [3 * 5 * row, 5],
    [3 * 6 * row - 1, 5],
    [3 * row, 1],
    [3 * row - 1, 0],
  ])('into %i bytes: %i of 64', (bytes, rows) => {
    expect(rowsThatFit(chain(), sizes(64), bytes)).toBe(rows);
  });

  test('half, where by the numbers all would have fitted', () => {
    expect(rowsThatFit(chain(), sizes(64), 1e12)).toBe(32);
  });
});
