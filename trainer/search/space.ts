/** What is searched: a space of settings from a JSON file, and its points as numbers from 0 to 1. Knows no option's meaning. */
import * as z from 'zod';
import { VeneerError } from '../../functions/error.ts';

const Range = z.strictObject({
  min: z.number(),
  max: z.number(),
  scale: z.enum(['linear', 'log']).default('linear'),
  type: z.enum(['int', 'float']).default('float'),
});
const Choices = z.strictObject({ choices: z.array(z.union([z.string(), z.number(), z.boolean()])).min(1) });
const SpaceFile = z.record(z.string(), z.union([Choices, Range]));

export type Setting = string | number | boolean;
export type Settings = Record<string, Setting>;
export type Dimension = { name: string } & (z.infer<typeof Range> | z.infer<typeof Choices>);
export type Space = readonly Dimension[];

/** @throws VeneerError naming the dimension, and what is wrong with it. */
export function parseSpace(json: unknown, file: string): Space {
  const refuse = (what: string) => new VeneerError('invalid_data', `${file}: ${what}`);
  if (json === null || typeof json !== 'object' || Array.isArray(json))
    throw refuse('an object is expected: {"learning-rate": {"min": 1e-4, "max": 1e-2, "scale": "log"}}');
  const space = Object.entries(json).map(([given, value]): Dimension => {
    const parsed = SpaceFile.safeParse({ [given]: value });
    if (!parsed.success)
      throw refuse(
        `${given} must be {"min", "max"} with "scale": "log" or "linear" and "type": "int" or "float" where wanted, or {"choices": [...]}`,
      );
    const shape = parsed.data[given]!;
    const name = given.replace(/-[a-z]/g, part => part[1]!.toUpperCase());
    if ('choices' in shape) {
      if (new Set(shape.choices).size < shape.choices.length) throw refuse(`${given} has a choice twice`);
      return { name, ...shape };
    }
    const { min, max, scale, type } = shape;
    if (!(min < max))
      throw refuse(`${given}: the range from ${min} to ${max} is empty: min must be below max`);
    if (type === 'int' && !(Number.isInteger(min) && Number.isInteger(max)))
      throw refuse(`${given}: an int from ${min} to ${max}: both must be whole numbers`);
    if (scale === 'log' && min <= 0) throw refuse(`${given}: a log scale from ${min}: it must begin above 0`);
    return { name, ...shape };
  });
  if (space.length === 0) throw refuse('the space is empty: nothing to search');
  const twice = space.find(({ name }, i) => space.findIndex(other => other.name === name) !== i);
  if (twice) throw refuse(`${twice.name} is there twice`);
  return space;
}

/** Whole numbers have half a step more at both ends, so that each gets its share. */
function edges({ min, max, scale, type }: z.infer<typeof Range>): [low: number, high: number] {
  const half = type === 'int' ? 0.5 : 0;
  const at = scale === 'log' ? Math.log : (x: number) => x;
  return [at(min - half), at(max + half)];
}

export function unitOf(dimension: Exclude<Dimension, { choices: unknown }>, value: number): number {
  const [low, high] = edges(dimension);
  return ((dimension.scale === 'log' ? Math.log(value) : value) - low) / (high - low);
}

/** Four digits are enough to tell trials apart, and can be typed. */
export function valueAt(dimension: Exclude<Dimension, { choices: unknown }>, unit: number): number {
  const [low, high] = edges(dimension);
  const exact = low + unit * (high - low);
  const value = dimension.scale === 'log' ? Math.exp(exact) : exact;
  const rounded = dimension.type === 'int' ? Math.round(value) : Number(value.toPrecision(4));
  return Math.min(dimension.max, Math.max(dimension.min, rounded));
}

/** How many different settings there are. */
export function sizeOf(space: Space): number {
  const sizes = space.map(dimension => {
    if ('choices' in dimension) return dimension.choices.length;
    return dimension.type === 'int' ? dimension.max - dimension.min + 1 : Number.POSITIVE_INFINITY;
  });
  return sizes.reduce((product, size) => product * size, 1);
}

/** Of a finite space, its settings by number. */
export function settingsAt(space: Space, index: number): Settings {
  let rest = index;
  return Object.fromEntries(
    space.map(dimension => {
      const size = sizeOf([dimension]);
      const at = rest % size;
      rest = Math.floor(rest / size);
      return [dimension.name, 'choices' in dimension ? dimension.choices[at]! : dimension.min + at];
    }),
  );
}

/** For comparing: equal settings have equal keys. */
export const keyOf = (space: Space, settings: Settings) =>
  JSON.stringify(space.map(({ name }) => settings[name]));
