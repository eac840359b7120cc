/** Reads single-label text and text-pair classification from CSV, TSV, JSON and JSON Lines. */
import { extname } from 'node:path';
import { VeneerError } from '../../functions/error.ts';
import { type ColumnOptions, type Columns, chooseColumns, fold } from './columns.ts';
import type { ClassificationExample, Dataset, Skipped, Split } from './dataset.ts';
import { type Reader, readDataset, readEvaluationSplit, readText } from './files.ts';
import { jsonType } from './json.ts';
import { checkLabels } from './labels.ts';
import { type Row, type TableFormat, tableFormats } from './table.ts';

/** Labels of dev and test are known to be among those of train. */
export async function readClassification(
  path: string,
  options: ColumnOptions = {},
): Promise<Dataset<ClassificationExample>> {
  const dataset = await readDataset(path, reader(options));
  checkLabels(dataset);
  return dataset;
}

/** The split that `evaluate` scores; its labels are checked against the adapter's by the caller (labels.ts). */
export async function readClassificationSplit(
  path: string,
  options: ColumnOptions = {},
): Promise<Split<ClassificationExample>> {
  return readEvaluationSplit(path, reader(options));
}

function reader(options: ColumnOptions): Reader<ClassificationExample> {
  return { extensions: Object.keys(tableFormats), read: file => readFile(file, options) };
}

async function readFile(file: string, options: ColumnOptions): Promise<Split<ClassificationExample>> {
  const extension = extname(file).slice(1).toLowerCase();
  if (!Object.hasOwn(tableFormats, extension))
    throw new VeneerError(
      'invalid_data',
      `${file}: the extension must say the format: .${Object.keys(tableFormats).join(', .')}`,
    );
  const { text, digest } = await readText(file);
  const table = tableFormats[extension as TableFormat](text, file);
  if (table.rows.length === 0) throw new VeneerError('invalid_data', `${file}: no examples in it`);
  const columns = chooseColumns(table, options, file);
  const { rows, skipped } = leaveOutHeaders(table.rows.slice(columns.headerRows), columns);
  return { examples: rows.map(row => example(row, columns)), skipped, digest, notes: [columns.note] };
}

function example({ cells, where }: Row, columns: Columns): ClassificationExample {
  const text = textCell('text', columns.text);
  const label = labelCell();
  return columns.pair === undefined
    ? { text, label, where }
    : { text, pair: textCell('pair', columns.pair), label, where };

  function textCell(role: string, index: number): string {
    const value = cells[index];
    if (typeof value !== 'string') throw wrong(role, index, value, 'a string');
    if (value.trim() === '')
      throw new VeneerError('invalid_data', `${where}: the ${role} is empty: remove the row`);
    return value;
  }

  function labelCell(): string {
    const value = cells[columns.label];
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
      throw wrong('label', columns.label, value, 'one string or number');
    const label = String(value).trim();
    if (label === '') throw new VeneerError('invalid_data', `${where}: the label is empty: remove the row`);
    return label;
  }

  function wrong(role: string, index: number, value: unknown, expected: string) {
    const name = columns.names?.[index] ?? `${index + 1}`;
    const found = value === undefined ? 'not there' : jsonType(value);
    return new VeneerError(
      'invalid_data',
      `${where}: the ${role} (${JSON.stringify(name)}) is ${found}: it must be ${expected}`,
    );
  }
}

/**
 * Files put together from several repeat the header line, and some carry a second one with the original names. Left out:
 * rows equal to the header but for case, and a first row whose label is the label column's own name and no other row's label.
 */
function leaveOutHeaders(rows: Row[], columns: Columns): { rows: Row[]; skipped: Skipped[] } {
  const names = columns.names?.map(fold);
  if (names === undefined || columns.headerRows === 0) return { rows, skipped: [] };
  const labelOf = (row: Row | undefined) => fold(String(row?.cells[columns.label]));
  const labelName = names[columns.label]!;
  const repeated = new Set(
    rows.filter(row => row.cells.every((cell, column) => fold(String(cell)) === names[column])),
  );
  const [first, ...others] = rows;
  const firstIsHeader =
    labelOf(first) === labelName && !others.some(row => !repeated.has(row) && labelOf(row) === labelName);
  const isHeader = (row: Row) => repeated.has(row) || (row === first && firstIsHeader);
  const headers = rows.filter(isHeader);
  if (headers.length === 0) return { rows, skipped: [] };
  const where = headers.slice(0, 5).map(row => row.where);
  return {
    rows: rows.filter(row => !isHeader(row)),
    skipped: [{ reason: 'the header line again', count: headers.length, where }],
  };
}
