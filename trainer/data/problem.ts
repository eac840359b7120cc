/**
 * What the label column asks for. Several labels in some cell: multi-label; else single-label. Several are a list (JSON,
 * Parquet), or text cut at the separator; without one, at commas where all cells are whole numbers (`3,17`).
 * Regression is never guessed.
 */
import type { Problem } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import { type ClassNames, nameOf } from './class-names.ts';
import type { ClassificationExample, Split, Where } from './dataset.ts';

/** An example whose label cell is not yet read: a string, number or boolean, or a list of them. */
export interface Unlabelled extends Omit<ClassificationExample, 'labels' | 'value'> {
  cell: unknown;
  names: ClassNames | undefined;
}

export interface LabelReading {
  problem: Problem;
  /** Undefined: text is one label. */
  separator: string | undefined;
}

/** Transformers' name of an output without one. */
export const regressionLabel = 'LABEL_0';

const numbers = /^\s*\d+(?:\s*,\s*\d+)*\s*$/;

export function chooseReading(
  examples: readonly Unlabelled[],
  { problem, labelSeparator }: { problem?: Problem | undefined; labelSeparator?: string | undefined },
): { reading: LabelReading; note: string } {
  const severalOf = ({ cell }: Unlabelled) => partsOf(cell, separator).length !== 1;
  let separator = labelSeparator;
  if (problem !== undefined) {
    separator = problem === 'multi-label' ? (separator ?? ',') : undefined;
    return { reading: { problem, separator }, note: `${problem}, as asked` };
  }
  if (
    separator === undefined &&
    examples.every(({ cell }) => Array.isArray(cell) || numbers.test(String(cell)))
  )
    separator = ',';
  const first = examples.find(severalOf);
  if (first === undefined)
    return {
      reading: { problem: 'single-label', separator: undefined },
      note: 'single-label: one label each',
    };
  return {
    reading: { problem: 'multi-label', separator },
    note: `multi-label: several labels in one cell (first: ${first.where}: ${JSON.stringify(first.cell)})`,
  };
}

/** @throws VeneerError naming the place of a cell that does not go with the problem. */
export function labelled(
  { examples, ...rest }: Split<Unlabelled>,
  reading: LabelReading,
): Split<ClassificationExample> {
  return {
    ...rest,
    examples: examples.map(({ cell, names, ...example }) => ({
      ...example,
      ...read(cell, reading, { where: example.where, names }),
    })),
  };
}

function read(
  cell: unknown,
  { problem, separator }: LabelReading,
  { where, names }: { where: Where; names: ClassNames | undefined },
): Pick<ClassificationExample, 'labels' | 'value'> {
  const label = (value: unknown) => nameOf(value, { where, what: 'label', names });
  if (problem === 'multi-label') return { labels: [...new Set(partsOf(cell, separator).map(label))] };
  const [only, ...others] = Array.isArray(cell) ? cell : [cell];
  if (only === undefined || others.length > 0)
    throw new VeneerError(
      'invalid_data',
      `${where}: a list of ${others.length + (only === undefined ? 0 : 1)} labels: ${problem} has one a text; for several say --problem multi-label`,
    );
  if (problem === 'single-label') return { labels: [label(only)] };
  const value = typeof only === 'boolean' || String(only).trim() === '' ? Number.NaN : Number(only);
  if (!Number.isFinite(value))
    throw new VeneerError(
      'invalid_data',
      `${where}: the label ${JSON.stringify(only)} is no number: regression needs one`,
    );
  return { labels: [regressionLabel], value };
}

/** An empty text has no label, where several are possible. */
function partsOf(cell: unknown, separator: string | undefined): unknown[] {
  if (Array.isArray(cell)) return cell;
  if (typeof cell !== 'string' || separator === undefined) return [cell];
  return cell
    .split(separator)
    .map(part => part.trim())
    .filter(part => part !== '');
}
