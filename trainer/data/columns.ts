/** Which column of a classification table is the text, the second text and the label: as named by the user, else guessed from the header. */
import type { Problem } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import type { ClassNames } from './class-names.ts';
import type { Table } from './table.ts';

/** Columns by name, or by number from 1 where the file has no header line; and how the label column reads. */
export interface ColumnOptions {
  textColumn?: string;
  labelColumn?: string;
  pairColumn?: string;
  /** What stands between the labels of one cell. */
  labelSeparator?: string;
  /** What labels given by number stand for. */
  labelNames?: ClassNames;
  /** What classification learns; left out: read off the labels (problem.ts). */
  problem?: Problem;
}

/** Indexes into a row's cells. */
export interface Columns {
  text: number;
  label: number;
  pair?: number;
  /** Names of all columns where the table has them. */
  names?: string[];
  /** Rows before the first example: 1 where a header line is among them. */
  headerRows: 0 | 1;
  note: string;
}

// Names seen in public sets, most telling first. A pair is taken only where both of its names are there.
const pairNames = [
  ['text', 'text_pair'],
  ['text_a', 'text_b'],
  ['text1', 'text2'],
  ['sentence1', 'sentence2'],
  ['question1', 'question2'],
  ['premise', 'hypothesis'],
  ['question', 'sentence'],
  ['question', 'passage'],
] as const;
const textNames = 'text sentence sentence1 question utterance query content review message sms tweet'.split(
  ' ',
);
const labelNames = 'label labels category intent class target topic score'.split(' ');

const optionNames = { text: '--text-column', label: '--label-column', pair: '--pair-column' } as const;
type Role = keyof typeof optionNames;

export function chooseColumns(table: Table, options: ColumnOptions, file: string): Columns {
  const wanted = { text: options.textColumn, label: options.labelColumn, pair: options.pairColumn };
  const first = table.names ?? table.rows[0]?.cells.map(String) ?? [];
  const folded = first.map(fold);
  const chosen: Partial<Record<Role, number>> = {};
  let isNamed = table.names !== undefined;
  for (const role of Object.keys(wanted) as Role[]) {
    const name = wanted[role];
    if (name === undefined) continue;
    const index = find(name);
    isNamed ||= index.byName;
    chosen[role] = index.at;
  }
  const guesses = guess(folded);
  if (chosen.text === undefined && guesses.pair !== undefined) chosen.pair ??= guesses.pair;
  if (chosen.text === undefined || chosen.label === undefined) isNamed = true;
  // Columns given by number over a header with the usual names: the first row is that header.
  isNamed ||=
    textNames.concat(pairNames.flat()).includes(folded[chosen.text!]!) &&
    labelNames.includes(folded[chosen.label!]!);
  for (const role of ['text', 'label'] as const) {
    const at = chosen[role] ?? guesses[role];
    if (isNamed && at !== undefined && folded.filter(name => name === folded[at]).length > 1)
      throw new VeneerError('invalid_data', `${file}:1: two columns are named ${JSON.stringify(first[at])}`);
  }
  const text = chosen.text ?? guesses.text ?? missing('text');
  const label = chosen.label ?? guesses.label ?? missing('label');
  const used = [text, label, ...(chosen.pair === undefined ? [] : [chosen.pair])];
  if (new Set(used).size < used.length)
    throw new VeneerError(
      'invalid_data',
      `${file}: one column cannot be both text and label: ${listed(first)}`,
    );

  const say = (index: number) => (isNamed ? JSON.stringify(first[index]) : `number ${index + 1}`);
  const isGuessed = wanted.text === undefined || wanted.label === undefined;
  const pairPart = chosen.pair === undefined ? '' : `, pair ${say(chosen.pair)}`;
  return {
    text,
    label,
    ...(chosen.pair === undefined ? {} : { pair: chosen.pair }),
    ...(isNamed ? { names: first } : {}),
    headerRows: table.names === undefined && isNamed ? 1 : 0,
    note: `${file}: columns${isGuessed ? ' guessed from the header' : ''}: text ${say(text)}${pairPart}, label ${say(label)}`,
  };

  function find(name: string): { at: number; byName: boolean } {
    const exact = first.flatMap((column, index) => (column.trim() === name.trim() ? [index] : []));
    if (exact.length > 1)
      throw new VeneerError('invalid_data', `${file}:1: two columns are named ${JSON.stringify(name)}`);
    if (exact[0] !== undefined) return { at: exact[0], byName: true };
    if (table.names === undefined && /^[1-9]\d{0,5}$/.test(name) && Number(name) <= first.length)
      return { at: Number(name) - 1, byName: false };
    throw new VeneerError('invalid_data', `${file}:1: no column ${JSON.stringify(name)}: ${listed(first)}`);
  }

  function missing(role: Role): never {
    const byNumber =
      table.names === undefined ? ' (its number, from 1, where the file has no header line)' : '';
    throw new VeneerError(
      'invalid_data',
      `${file}:1: no column is recognised as the ${role}: ${listed(first)}; name it with ${optionNames[role]}${byNumber}`,
    );
  }
}

/** The one column of lists that is meant, by its name or one of the usual ones. */
export function listColumn(
  names: readonly string[],
  {
    file,
    role,
    name,
    usual,
  }: { file: string; role: Role; name: string | undefined; usual: readonly string[] },
): number {
  const found = name === undefined ? usual.find(each => names.includes(each)) : name;
  if (found !== undefined && names.includes(found)) return names.indexOf(found);
  throw new VeneerError(
    'invalid_data',
    name === undefined
      ? `${file}: no column is recognised as the ${role}: ${listed(names)}; name it with ${optionNames[role]}`
      : `${file}: no column ${JSON.stringify(name)}: ${listed(names)}`,
  );
}

function guess(folded: string[]): { text?: number; pair?: number; label?: number } {
  const at = (name: string | undefined) =>
    name === undefined || !folded.includes(name) ? undefined : folded.indexOf(name);
  const [first, second] = pairNames.find(pair => pair.every(name => folded.includes(name))) ?? [];
  const text = at(first ?? textNames.find(name => folded.includes(name)));
  const label = at(labelNames.find(name => folded.includes(name)));
  const pair = at(second);
  return {
    ...(text === undefined ? {} : { text }),
    ...(pair === undefined ? {} : { pair }),
    ...(label === undefined ? {} : { label }),
  };
}

export function fold(name: string): string {
  return name.trim().toLowerCase();
}

function listed(names: readonly string[]): string {
  const short = names
    .slice(0, 20)
    .map(name => JSON.stringify(name.length > 40 ? `${name.slice(0, 40)}…` : name));
  return `the columns are ${short.join(', ')}${names.length > 20 ? ', …' : ''}`;
}
