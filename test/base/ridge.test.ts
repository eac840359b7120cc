/** Ridge regression against the normal equations solved in another way, and against fitting again without a sample. */
import { describe, expect, it } from 'vitest';
import { best, fitRidge, leaveOneOut, type Samples } from '../../trainer/base/ridge.ts';
import { uniform } from '../../trainer/random.ts';

function someSamples(size: number, width: number, penalty: number): Samples {
  const draw = (stream: number, i: number, j: number) => uniform({ seed: 5, stream }, i, j);
  const classes = Array.from({ length: size }, (_, i) => (i < 3 ? i : Math.floor(3 * draw(1, i, 0))));
  const vectors = classes.map((own, i) =>
    Float32Array.from({ length: width }, (_, j) => draw(2, i, j) * 4 - 2 + (j === own ? 1 : 0) + 10),
  );
  return { vectors, classes, count: 3, penalty };
}

/** Gauss-Jordan on [X 1], the last column without penalty: [width + 1][classes]. */
function normalEquations({ vectors, classes, count }: Samples, added: number): number[][] {
  const rows = vectors.map(vector => [...Array.from(vector), 1]);
  const width = rows[0]!.length;
  const system = Array.from({ length: width }, (_, i) => [
    ...Array.from({ length: width }, (_, j) =>
      rows.reduce((sum, row) => sum + row[i]! * row[j]!, i === j && i < width - 1 ? added : 0),
    ),
    ...Array.from({ length: count }, (_, c) =>
      rows.reduce((sum, row, s) => sum + (classes[s] === c ? row[i]! : 0), 0),
    ),
  ]);
  for (let i = 0; i < width; i++) {
    const pivot = system.slice(i).reduce((a, b) => (Math.abs(b[i]!) > Math.abs(a[i]!) ? b : a));
    system.splice(system.indexOf(pivot), 1);
    system.splice(
      i,
      0,
      pivot.map(value => value / pivot[i]!),
    );
    for (const [r, row] of system.entries())
      if (r !== i) system[r] = row.map((value, j) => value - row[i]! * system[i]![j]!);
  }
  return system.map(row => row.slice(width));
}

const predicted = (weights: number[][], vector: ArrayLike<number>) =>
  weights[0]!.map((_, c) => weights.reduce((sum, row, i) => sum + (vector[i] ?? 1) * row[c]!, 0));

/** What the penalty comes to on these vectors. */
function addedTo({ vectors, penalty }: Samples): number {
  const width = vectors[0]!.length;
  let trace = 0;
  for (let i = 0; i < width; i++) {
    const column = vectors.map(vector => vector[i]!);
    const mean = column.reduce((a, b) => a + b, 0) / column.length;
    trace += column.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  }
  return (penalty * trace) / width;
}

describe('ridge regression', () => {
  it.each([
    ['more samples than features', 40, 6, 0.1],
    ['fewer', 12, 20, 0.1],
    ['a large penalty', 30, 8, 100],
    ['a small one', 30, 8, 1e-6],
  ])('solves the normal equations with %s', (_what, size, width, penalty) => {
    const samples = someSamples(size, width, penalty);
    const scores = fitRidge(samples);
    const weights = normalEquations(samples, addedTo(samples));
    for (const vector of samples.vectors)
      predicted(weights, vector).forEach((value, c) => {
        expect(scores(vector)[c]).toBeCloseTo(value, 6);
      });
  });

  it.each([
    [40, 6],
    [12, 20],
  ])('leaves one of %i samples of %i features out as fitting again without it does', (size, width) => {
    const samples = someSamples(size, width, 0.5);
    const added = addedTo(samples);
    const scores = leaveOneOut(samples);
    samples.vectors.forEach((vector, left) => {
      const others = <T>(all: ArrayLike<T>) => Array.from(all).filter((_, i) => i !== left);
      const rest = { ...samples, vectors: others(samples.vectors), classes: others(samples.classes) };
      predicted(normalEquations(rest, added), vector).forEach((value, c) => {
        expect(scores[left]![c]).toBeCloseTo(value, 6);
      });
    });
  });

  it('gives the shares of the classes where all vectors are the same', () => {
    const vectors = Array.from({ length: 4 }, () => [1, 2, 3]);
    const scores = fitRidge({ vectors, classes: [0, 1, 1, 1], count: 2, penalty: 1 });
    expect([...scores([1, 2, 3])]).toEqual([0.25, 0.75]);
    expect(best(scores([1, 2, 3]))).toBe(1);
  });
});
