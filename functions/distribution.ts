/**
 * A histogram as plain numbers: adding a value must cost nothing beside a request, of which several are added. Knows of
 * Prometheus only how its samples are named (https://prometheus.io/docs/concepts/metric_types/#histogram).
 */

export type Labels = Readonly<Record<string, string>>;

export interface Sample {
  metricName: string;
  labels: Record<string, string | number>;
  value: number;
}

export interface Distribution {
  add(value: number): void;
  /** Buckets that rise, their sum and their count. */
  samples(name: string, labels: Labels): Sample[];
}

/** @param bounds Upper ones, each part of its bucket, in their order; what is above the last is counted as well. */
export function openDistribution(bounds: readonly number[]): Distribution {
  const counts = new Float64Array(bounds.length + 1);
  let sum = 0;
  return {
    add(value) {
      let bucket = 0;
      while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
      counts[bucket]!++;
      sum += value;
    },
    samples(name, labels) {
      let count = 0;
      const buckets = Array.from(counts, (added, i): Sample => {
        count += added;
        return { metricName: `${name}_bucket`, labels: { le: bounds[i] ?? '+Inf', ...labels }, value: count };
      });
      const sample = (suffix: string, value: number): Sample => ({
        metricName: `${name}_${suffix}`,
        labels: { ...labels },
        value,
      });
      return [...buckets, sample('sum', sum), sample('count', count)];
    },
  };
}
