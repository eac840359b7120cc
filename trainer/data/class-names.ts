/** Labels that a file gives by number, with the names they stand for: Hugging Face's ClassLabel, or a list of one's own. */
import { VeneerError } from '../../functions/error.ts';
import { jsonType } from './json.ts';

/** In the order of their numbers, from 0. */
export type ClassNames = readonly string[];

interface Named {
  where: string;
  /** `label` or `tag`, for messages. */
  what: string;
  names: ClassNames | undefined;
}

/** A label as text: by its name, or by its number where the names are known. */
export function nameOf(value: unknown, { where, what, names }: Named): string {
  if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
    throw new VeneerError(
      'invalid_data',
      `${where}: the ${what} is ${jsonType(value)}: it must be one string or number`,
    );
  const text = String(value).trim();
  if (text === '') throw new VeneerError('invalid_data', `${where}: the ${what} is empty: remove the row`);
  if (names === undefined || (typeof value === 'string' && names.includes(text))) return text;
  const name = /^\d+$/.test(text) ? names[Number(text)] : undefined;
  if (name !== undefined) return name;
  throw new VeneerError(
    'invalid_data',
    `${where}: ${what} ${text} has no name: there are ${names.length} names, for 0 to ${names.length - 1}`,
  );
}
