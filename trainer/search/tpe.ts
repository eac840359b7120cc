/**
 * The tree-structured Parzen estimator (Bergstra et al., "Algorithms for Hyper-Parameter Optimization", NIPS 2011): the next
 * settings are where good trials are dense and the others are not. Pure functions of what was tried and of drawn numbers.
 */
import { type Density, parzen, smoothedCounts } from './parzen.ts';
import {
  type Dimension,
  keyOf,
  type Setting,
  type Settings,
  type Space,
  settingsAt,
  sizeOf,
  unitOf,
  valueAt,
} from './space.ts';

/** Trials drawn at random before there is anything to go by. */
const startup = 5;
/** Share of the trials that count as good. */
const goodShare = 0.25;
/** Draws from the good ones' density, of which the most promising is taken. */
const candidates = 24;
const attempts = 20;

/**
 * Settings that were not tried yet.
 * @param ranked What was tried and came to something, the best first.
 * @param tried All that must not be given again.
 */
export function suggest(
  space: Space,
  { ranked, tried }: { ranked: readonly Settings[]; tried: readonly Settings[] },
  draw: () => number,
): Settings | undefined {
  const known = new Set(tried.map(settings => keyOf(space, settings)));
  for (let attempt = 0; attempt < attempts; attempt++) {
    // What is suggested over and over is known by now.
    const settings = attempt < attempts / 2 ? suggestOnce(space, ranked, draw) : anywhere(space, draw);
    if (!known.has(keyOf(space, settings))) return settings;
  }
  const size = sizeOf(space);
  if (known.size >= size) return undefined;
  if (size === Number.POSITIVE_INFINITY) return anywhere(space, draw);
  const from = Math.floor(draw() * size);
  for (let i = 0; i < size; i++) {
    const settings = settingsAt(space, (from + i) % size);
    if (!known.has(keyOf(space, settings))) return settings;
  }
  return undefined;
}

function anywhere(space: Space, draw: () => number): Settings {
  return Object.fromEntries(
    space.map(dimension => [
      dimension.name,
      'choices' in dimension
        ? dimension.choices[Math.floor(draw() * dimension.choices.length)]!
        : valueAt(dimension, draw()),
    ]),
  );
}

function suggestOnce(space: Space, ranked: readonly Settings[], draw: () => number): Settings {
  if (ranked.length < startup) return anywhere(space, draw);
  const good = Math.ceil(goodShare * ranked.length);
  return Object.fromEntries(
    space.map(dimension => {
      const values = ranked.map(settings => settings[dimension.name]!);
      const likely = densityOf(dimension, values.slice(0, good));
      const unlikely = densityOf(dimension, values.slice(good));
      let [best, promise] = [0, Number.NEGATIVE_INFINITY];
      for (let i = 0; i < candidates; i++) {
        const at = likely.sample(draw);
        const ratio = likely.logOf(at) - unlikely.logOf(at);
        if (ratio > promise) [best, promise] = [at, ratio];
      }
      return [dimension.name, 'choices' in dimension ? dimension.choices[best]! : valueAt(dimension, best)];
    }),
  );
}

function densityOf(dimension: Dimension, values: readonly Setting[]): Density<number> {
  if ('choices' in dimension)
    return smoothedCounts(
      values.map(value => dimension.choices.indexOf(value)),
      dimension.choices.length,
    );
  return parzen(values.map(value => unitOf(dimension, value as number)));
}
