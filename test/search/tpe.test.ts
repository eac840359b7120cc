/** The space, the densities and the sampler, held to what must be true of them whatever is drawn. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { uniform } from '../../trainer/random.ts';
import { parzen, smoothedCounts } from '../../trainer/search/parzen.ts';
import {
  type Dimension,
  parseSpace,
  type Settings,
  type Space,
  unitOf,
  valueAt,
} from '../../trainer/search/space.ts';
import { suggest } from '../../trainer/search/tpe.ts';

const drawn = (seed: number) => {
  let n = 0;
  return () => uniform({ seed, stream: 1 }, n++);
};
const spaceOf = (json: unknown) => parseSpace(json, 'space.json');
type Range = Exclude<Dimension, { choices: unknown }>;

describe('a space', () => {
  test('names options as flags or in camel case, with linear floats where nothing is said', () => {
    expect(
      spaceOf({ 'learning-rate': { min: 1e-4, max: 0.01, scale: 'log' }, rank: { choices: [4, 8] } }),
    ).toEqual([
      { name: 'learningRate', min: 1e-4, max: 0.01, scale: 'log', type: 'float' },
      { name: 'rank', choices: [4, 8] },
    ]);
  });

  test.each<[unknown, string]>([
    [{ warmup: { min: 0.2, max: 0.2 } }, 'warmup: the range from 0.2 to 0.2 is empty: min must be below max'],
    [{ warmup: { min: 0.3, max: 0.2 } }, 'warmup: the range from 0.3 to 0.2 is empty'],
    [{ rank: { choices: [] } }, 'rank must be {"min", "max"}'],
    [{ rank: { choices: [4, 4] } }, 'rank has a choice twice'],
    [{ rank: { min: 1.5, max: 4, type: 'int' } }, 'rank: an int from 1.5 to 4'],
    [{ rate: { min: 0, max: 4, scale: 'log' } }, 'rate: a log scale from 0'],
    [{ rate: { min: 1, max: 4, scale: 'lg' } }, 'rate must be'],
    [{ rate: { min: 1, max: 4, step: 1 } }, 'rate must be'],
    [{ rate: { min: '1', max: 4 } }, 'rate must be'],
    [{ 'weight-decay': { choices: [0] }, weightDecay: { choices: [1] } }, 'weightDecay is there twice'],
    [{}, 'the space is empty'],
    [[], 'an object is expected'],
    [null, 'an object is expected'],
  ])('is refused: %j', (json, message) => {
    expect(() => spaceOf(json)).toThrow(`space.json: ${message}`);
  });

  test('has values within their range, and the unit interval back from them', () => {
    const range = fc
      .record({
        min: fc.double({ min: 1e-6, max: 10, noNaN: true }),
        width: fc.double({ min: 1e-3, max: 1e3, noNaN: true }),
        scale: fc.constantFrom('linear' as const, 'log' as const),
      })
      .map(({ min, width, scale }): Range => ({ name: 'x', min, max: min + width, scale, type: 'float' }));
    fc.assert(
      fc.property(range, fc.double({ min: 0, max: 1, noNaN: true }), (dimension, unit) => {
        const value = valueAt(dimension, unit);
        expect(value).toBeGreaterThanOrEqual(dimension.min);
        expect(value).toBeLessThanOrEqual(dimension.max);
        // Four digits are kept of the value.
        const slack = 1e-3 * (1 + dimension.max / (dimension.max - dimension.min));
        expect(Math.abs(unitOf(dimension, value) - unit)).toBeLessThan(dimension.scale === 'log' ? 1 : slack);
      }),
    );
    const log: Range = { name: 'x', min: 1e-4, max: 1e-2, scale: 'log', type: 'float' };
    expect([0, 0.5, 1].map(unit => valueAt(log, unit))).toEqual([1e-4, 1e-3, 1e-2]);
  });

  test('gives each whole number its share', () => {
    const rank: Range = { name: 'rank', min: 1, max: 4, scale: 'linear', type: 'int' };
    const counts = [0, 0, 0, 0];
    for (let i = 0; i < 400; i++) counts[valueAt(rank, (i + 0.5) / 400) - 1]!++;
    expect(counts).toEqual([100, 100, 100, 100]);
  });
});

describe('a density', () => {
  const points = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { maxLength: 12 });

  test('of points integrates to one over the unit interval', () => {
    fc.assert(
      fc.property(points, given => {
        const density = parzen(given);
        let sum = 0;
        for (let i = 0; i < 4000; i++) sum += Math.exp(density.logOf((i + 0.5) / 4000)) / 4000;
        expect(sum).toBeCloseTo(1, 3);
      }),
      { numRuns: 40 },
    );
  });

  test('of points is sampled as it says: the empirical distribution is its own', () => {
    const density = parzen([0.1, 0.15, 0.9]);
    const draw = drawn(3);
    const samples = Array.from({ length: 4000 }, () => density.sample(draw)).sort((a, b) => a - b);
    let [mass, distance] = [0, 0];
    for (let i = 0, below = 0; i < 1000; i++) {
      mass += Math.exp(density.logOf((i + 0.5) / 1000)) / 1000;
      while (below < samples.length && samples[below]! < (i + 1) / 1000) below++;
      distance = Math.max(distance, Math.abs(below / samples.length - mass));
    }
    // Kolmogorov and Smirnov: 1.95 / sqrt(n) is passed once in a thousand.
    expect(distance).toBeLessThan(1.95 / Math.sqrt(4000));
  });

  test('of choices is smoothed, so that none is impossible', () => {
    const density = smoothedCounts([0, 0, 2], 3);
    expect([0, 1, 2].map(i => Math.exp(density.logOf(i)))).toEqual([
      expect.closeTo(3 / 6),
      expect.closeTo(1 / 6),
      expect.closeTo(2 / 6),
    ]);
  });
});

describe('the sampler', () => {
  const space = spaceOf({
    rate: { min: 1e-4, max: 1, scale: 'log' },
    size: { min: 1, max: 64, type: 'int' },
    kind: { choices: ['a', 'b', 'c'] },
  });
  const random = (seed: number) => suggest(space, { ranked: [], tried: [] }, drawn(seed))!;

  test('is decided by what it draws', () => {
    expect(random(1)).toEqual(random(1));
    expect(random(1)).not.toEqual(random(2));
  });

  test('suggests around what was good and away from what was not', () => {
    const like = (rate: number, size: number, kind: string): Settings => ({ rate, size, kind });
    const good = [like(0.01, 8, 'b'), like(0.012, 9, 'b'), like(0.009, 7, 'b')];
    const bad = Array.from({ length: 9 }, (_, i) => like(1e-4 * 1.1 ** i, 50 + i, 'a'));
    const tried = [...good, ...bad];
    const suggested = Array.from(
      { length: 60 },
      (_, i) => suggest(space, { ranked: tried, tried }, drawn(i))!,
    );
    const share = (fits: (settings: Settings) => boolean) => suggested.filter(fits).length / suggested.length;
    expect(share(({ rate }) => Number(rate) > 0.003 && Number(rate) < 0.1)).toBeGreaterThan(0.8);
    expect(share(({ size }) => Number(size) < 30)).toBeGreaterThan(0.8);
    expect(share(({ kind }) => kind === 'b')).toBeGreaterThan(0.8);
  });

  test('finds a better minimum than random draws do, with as many', () => {
    const loss = ({ rate, size, kind }: Settings) =>
      Math.abs(Math.log10(rate as number) + 2.3) +
      Math.abs((size as number) - 40) / 64 +
      (kind === 'c' ? 0 : 0.5);
    const bestOf = (seed: number, learns: boolean) => {
      const tried: Settings[] = [];
      for (let i = 0; i < 40; i++) {
        const ranked = learns ? [...tried].sort((a, b) => loss(a) - loss(b)) : [];
        tried.push(suggest(space, { ranked, tried }, drawn(1000 * seed + i))!);
      }
      return Math.min(...tried.map(loss));
    };
    const mean = (learns: boolean) =>
      Array.from({ length: 10 }, (_, seed) => bestOf(seed, learns)).reduce((a, b) => a + b) / 10;
    expect(mean(true)).toBeLessThan(0.7 * mean(false));
  });

  test('gives all settings of a finite space once, and then none', () => {
    const finite: Space = spaceOf({
      rank: { min: 1, max: 4, type: 'int' },
      rsLora: { choices: [true, false] },
    });
    const tried: Settings[] = [];
    for (let i = 0; i < 8; i++) tried.push(suggest(finite, { ranked: tried, tried }, drawn(i))!);
    expect(new Set(tried.map(({ rank, rsLora }) => `${rank} ${rsLora}`)).size).toBe(8);
    expect(suggest(finite, { ranked: tried, tried }, drawn(9))).toBeUndefined();
  });
});
