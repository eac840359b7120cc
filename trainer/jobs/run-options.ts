/** Options of a run as JSON, `{"learning-rate": 0.001, "rs-lora": true}`, and as the words of a command line. */
import { VeneerError } from '../../functions/error.ts';
import { jsonType, parseJson } from '../data/json.ts';
import { flagOf } from '../flag-name.ts';

/** @param where For messages. */
export function argumentsOf(options: Readonly<Record<string, unknown>>, where: string): string[] {
  return Object.entries(options).flatMap(([name, value]) => {
    const flag = `--${flagOf(name)}`;
    if (value === true) return [flag];
    if (value === false) return [];
    if (typeof value === 'string' || typeof value === 'number') return [flag, String(value)];
    throw new VeneerError(
      'invalid_data',
      `${where}: ${name} is ${jsonType(value)}: a text, a number, true or false is expected`,
    );
  });
}

export interface RunLine {
  where: string;
  args: string[];
}

/** A run a line; empty lines are none. */
export function readRunLines(text: string, file: string): RunLine[] {
  const lines = text.split('\n').flatMap((line, i) => {
    if (line.trim() === '') return [];
    const where = `${file}:${i + 1}`;
    const value = parseJson(line, file, i + 1);
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      throw new VeneerError('invalid_data', `${where}: ${jsonType(value)}, an object of options is expected`);
    return [{ where, args: argumentsOf(value as Record<string, unknown>, where) }];
  });
  if (lines.length === 0) throw new VeneerError('invalid_data', `${file}: no run in it`);
  return lines;
}
