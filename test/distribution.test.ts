/** Our histogram against prom-client's own. */
import { Histogram } from 'prom-client';
import { describe, expect, it } from 'vitest';
import { openDistribution } from '../functions/distribution.ts';

const name = 'took_seconds';

async function both(bounds: number[], values: readonly number[]) {
  const theirs = new Histogram({ name, help: 'help', buckets: bounds, labelNames: ['stage'], registers: [] });
  const ours = openDistribution(bounds);
  const labels = { stage: 'run' };
  theirs.zero(labels);
  for (const value of values) {
    theirs.observe(labels, value);
    ours.add(value);
  }
  const expected = (await theirs.get()).values.map(({ metricName, labels, value }) => ({
    metricName,
    labels,
    value,
  }));
  return { shown: ours.samples(name, labels), expected };
}

describe('a distribution', () => {
  it.each([
    ['nothing', []],
    ['values on, between and beyond its bounds', [0.001, 0.0010001, 0.05, 0.1, 0.2, 10, 10.1, 1e9]],
    ['zero, negative and tiny values', [0, -0, -1, Number.MIN_VALUE, 0.0009999]],
    ['many values', Array.from({ length: 5000 }, (_, i) => ((i * 7919) % 13) / 7)],
  ])('has the buckets, sum and count that prom-client has of %s', async (_what, values) => {
    const { shown, expected } = await both([0.001, 0.05, 0.1, 1, 10], values);
    expect(shown).toEqual(expected);
  });

  it('has all values in the last bucket where it has no bound', async () => {
    const { shown, expected } = await both([], [1, 2, 3]);
    expect(shown).toEqual(expected);
    expect(shown[0]).toEqual({
      metricName: `${name}_bucket`,
      labels: { le: '+Inf', stage: 'run' },
      value: 3,
    });
  });
});
