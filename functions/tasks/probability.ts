/** Softmax and its parts, and the logistic function, stable at the extremes. Pure arithmetic. */

/** log of the sum of exponentials; -Infinity of nothing. */
export function logSumExp(values: Iterable<number>): number {
  let max = Number.NEGATIVE_INFINITY;
  let sum = 0;
  for (const value of values) {
    if (value === Number.NEGATIVE_INFINITY) continue;
    if (value <= max) sum += Math.exp(value - max);
    else {
      sum = sum * Math.exp(max - value) + 1;
      max = value;
    }
  }
  return max + Math.log(sum);
}

/** Logarithms of the probabilities, finite also where those are too small for a float. */
export function logSoftmax(logits: ArrayLike<number>): Float64Array {
  const values = Float64Array.from(logits);
  const total = logSumExp(values);
  return values.map(value => value - total);
}

/** Each logit's own probability. */
export function sigmoid(logits: ArrayLike<number>): Float64Array {
  return Float64Array.from(logits, logit => 1 / (1 + Math.exp(-logit)));
}

/** Probabilities that sum to 1. */
export function softmax(logits: ArrayLike<number>): Float64Array {
  return logSoftmax(logits).map(Math.exp);
}
