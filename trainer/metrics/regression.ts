/** Correlations and mean squared error, as scipy and scikit-learn compute them; a correlation with something constant is 0. */
import type { Metrics } from '../../functions/artifacts/manifests.ts';

/** `pearson`, `spearman` (ties get their mean rank) and `mse`. */
export function scoreRegression(gold: readonly number[], predicted: readonly number[]): Metrics {
  if (gold.length !== predicted.length)
    throw new Error(`${predicted.length} predictions for ${gold.length} examples`);
  const squares = gold.map((value, i) => (value - predicted[i]!) ** 2);
  return {
    pearson: pearson(gold, predicted),
    spearman: pearson(ranks(gold), ranks(predicted)),
    mse: mean(squares),
  };
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);

function pearson(x: readonly number[], y: readonly number[]): number {
  if (isConstant(x) || isConstant(y)) return 0;
  const [meanX, meanY] = [mean(x), mean(y)];
  let [xy, xx, yy] = [0, 0, 0];
  x.forEach((value, i) => {
    const [dx, dy] = [value - meanX, y[i]! - meanY];
    xy += dx * dy;
    xx += dx * dx;
    yy += dy * dy;
  });
  const size = Math.sqrt(xx) * Math.sqrt(yy);
  return size === 0 ? 0 : Math.max(-1, Math.min(1, xy / size));
}

const isConstant = (values: readonly number[]) => values.every(value => value === values[0]);

function ranks(values: readonly number[]): number[] {
  const order = values.map((_, i) => i).sort((a, b) => values[a]! - values[b]!);
  const ranked = new Array<number>(values.length);
  for (let first = 0; first < order.length; ) {
    let end = first + 1;
    while (end < order.length && values[order[end]!] === values[order[first]!]) end++;
    for (let i = first; i < end; i++) ranked[order[i]!] = (first + end - 1) / 2;
    first = end;
  }
  return ranked;
}
