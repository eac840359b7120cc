/**
 * Parzen estimators of TPE over one dimension: a mixture of Gaussians around observed points, cut off at 0 and 1, with a
 * broad prior among them; and smoothed counts of choices. As in section 4 of Bergstra et al. 2011.
 */

export interface Density<T> {
  sample(draw: () => number): T;
  /** Logarithm of the density, or of the probability. */
  logOf(value: T): number;
}

interface Bump {
  mean: number;
  deviation: number;
}

/** Error function, within 1.5e-7 (Abramowitz and Stegun, 7.1.26). */
function erf(x: number): number {
  const t = 1 / (1 + 0.3275911 * Math.abs(x));
  const tail =
    t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))));
  return Math.sign(x) * (1 - tail * Math.exp(-x * x));
}

const cumulative = (x: number, { mean, deviation }: Bump) =>
  0.5 * (1 + erf((x - mean) / (deviation * Math.SQRT2)));

/** Each point is as wide as the farther of its neighbours is away, within limits that shrink with their number. */
function bumpsOf(points: readonly number[]): Bump[] {
  const sorted = [...points].sort((a, b) => a - b);
  const least = 1 / Math.min(100, 1 + points.length);
  const around = sorted.map((mean, i): Bump => {
    const gap = Math.max(mean - (sorted[i - 1] ?? 0), (sorted[i + 1] ?? 1) - mean);
    return { mean, deviation: Math.min(1, Math.max(least, gap)) };
  });
  return [...around, { mean: 0.5, deviation: 1 }];
}

export function parzen(points: readonly number[]): Density<number> {
  const bumps = bumpsOf(points).map(bump => ({ ...bump, mass: cumulative(1, bump) - cumulative(0, bump) }));
  return {
    sample(draw) {
      const { mean, deviation } = bumps[Math.floor(draw() * bumps.length)]!;
      // At least a third of a bump lies within 0 and 1, so that this many attempts cannot all miss but by bad luck.
      for (let attempt = 0; attempt < 100; attempt++) {
        const radius = Math.sqrt(-2 * Math.log(1 - draw()));
        const x = mean + deviation * radius * Math.cos(2 * Math.PI * draw());
        if (x >= 0 && x <= 1) return x;
      }
      return mean;
    },
    logOf(x) {
      const sum = bumps.reduce(
        (total, { mean, deviation, mass }) =>
          total + Math.exp(-0.5 * ((x - mean) / deviation) ** 2) / (deviation * mass),
        0,
      );
      return Math.log(sum / (bumps.length * Math.sqrt(2 * Math.PI)));
    },
  };
}

/** Of the index of a choice. */
export function smoothedCounts(indices: readonly number[], choices: number): Density<number> {
  const weights = Array.from(
    { length: choices },
    (_, i) => (indices.filter(index => index === i).length + 1) / (indices.length + choices),
  );
  return {
    sample(draw) {
      let rest = draw();
      for (const [index, weight] of weights.entries()) {
        rest -= weight;
        if (rest < 0) return index;
      }
      return choices - 1;
    },
    logOf: index => Math.log(weights[index]!),
  };
}
