/**
 * Ridge regression from vectors to classes, one column of 0 and 1 a class, with an intercept that is not penalized:
 * the smallest thing that can be learned on top of frozen vectors, solved exactly and the same every time.
 */

export interface Samples {
  /** All of one length. */
  vectors: readonly ArrayLike<number>[];
  /** Class of each vector, from 0. */
  classes: ArrayLike<number>;
  /** Number of classes. */
  count: number;
  /** As a part of the mean of the diagonal of X'X, X centred. */
  penalty: number;
}

/** Scores of a vector, by class. */
export type Scores = (vector: ArrayLike<number>) => Float64Array;

interface Solved {
  mean: Float64Array;
  /** Lower triangle L of L L' = X'X + penalty I, X centred; row by row. */
  factor: Float64Array;
  /** Share of each class. */
  shares: Float64Array;
  /** [classes][width] */
  weights: Float64Array[];
}

export function fitRidge(samples: Samples): Scores {
  const { mean, shares, weights } = solve(samples);
  return vector => scoresOf(vector, { mean, shares, weights });
}

/** For each sample, the scores by a fit to all the others: by the hat matrix, not by fitting again. */
export function leaveOneOut(samples: Samples): Float64Array[] {
  const { vectors, classes, count } = samples;
  const solved = solve(samples);
  return Array.from(vectors, (vector, i) => {
    const half = forward(solved.factor, centred(vector, solved.mean));
    const leverage = 1 / vectors.length + half.reduce((sum, value) => sum + value * value, 0);
    const fitted = scoresOf(vector, solved);
    return Float64Array.from({ length: count }, (_, c) => {
      const truth = classes[i] === c ? 1 : 0;
      return truth - (truth - fitted[c]!) / (1 - leverage);
    });
  });
}

/** The class of the highest score; the first of several. */
export function best(scores: Float64Array): number {
  return scores.indexOf(Math.max(...scores));
}

function solve({ vectors, classes, count, penalty }: Samples): Solved {
  const width = vectors[0]!.length;
  const mean = new Float64Array(width);
  const shares = new Float64Array(count);
  vectors.forEach((vector, sample) => {
    for (let i = 0; i < width; i++) mean[i]! += vector[i]! / vectors.length;
    shares[classes[sample]!]! += 1 / vectors.length;
  });
  const columns = Array.from(mean, (middle, i) => Float64Array.from(vectors, vector => vector[i]! - middle));
  const gram = new Float64Array(width * width);
  const sums = Array.from({ length: count }, () => new Float64Array(width));
  columns.forEach((column, i) => {
    for (let j = 0; j <= i; j++) gram[i * width + j] = dot(column, columns[j]!);
    column.forEach((value, sample) => {
      sums[classes[sample]!]![i]! += value;
    });
  });
  let trace = 0;
  for (let i = 0; i < width; i++) trace += gram[i * width + i]!;
  // Vectors that are all the same have a trace of 0: any penalty will do.
  const added = (penalty * trace) / width || 1;
  for (let i = 0; i < width; i++) gram[i * width + i]! += added;
  const factor = cholesky(gram, width);
  return { mean, factor, shares, weights: sums.map(sum => backward(factor, forward(factor, sum))) };
}

function scoresOf(vector: ArrayLike<number>, { mean, shares, weights }: Omit<Solved, 'factor'>) {
  const x = centred(vector, mean);
  return shares.map((share, c) => {
    const own = weights[c]!;
    let score = share;
    for (let i = 0; i < x.length; i++) score += x[i]! * own[i]!;
    return score;
  });
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

function centred(vector: ArrayLike<number>, mean: Float64Array): Float64Array {
  return mean.map((value, i) => vector[i]! - value);
}

/** In place, in the lower triangle. */
function cholesky(a: Float64Array, width: number): Float64Array {
  for (let j = 0; j < width; j++)
    for (let i = j; i < width; i++) {
      let sum = a[i * width + j]!;
      for (let k = 0; k < j; k++) sum -= a[i * width + k]! * a[j * width + k]!;
      a[i * width + j] = i === j ? Math.sqrt(sum) : sum / a[j * width + j]!;
    }
  return a;
}

/** x of L x = b. */
function forward(factor: Float64Array, b: Float64Array): Float64Array {
  const [width, x] = [b.length, b.slice()];
  for (let i = 0; i < width; i++) {
    for (let k = 0; k < i; k++) x[i]! -= factor[i * width + k]! * x[k]!;
    x[i]! /= factor[i * width + i]!;
  }
  return x;
}

/** x of L' x = b. */
function backward(factor: Float64Array, b: Float64Array): Float64Array {
  const [width, x] = [b.length, b.slice()];
  for (let i = width - 1; i >= 0; i--) {
    for (let k = i + 1; k < width; k++) x[i]! -= factor[k * width + i]! * x[k]!;
    x[i]! /= factor[i * width + i]!;
  }
  return x;
}
