/** Reads text and text-pair classification and regression from CSV, TSV, JSON, JSON Lines and Parquet. */
import { VeneerError } from '../../functions/error.ts';
import { type ColumnOptions, type Columns, chooseColumns, fold } from './columns.ts';
import type { ClassificationExample, Dataset, Skipped, Split } from './dataset.ts';
import { type Reader, readDataset, readEvaluationSplit } from './files.ts';
import { jsonType } from './json.ts';
import { checkLabels } from './labels.ts';
import { chooseReading, labelled, type Unlabelled } from './problem.ts';
import { readTable, tableExtensions } from './read-table.ts';
import type { Row } from './table.ts';

/** Labels of dev and test are known to be among those of train. */
export async function readClassification(
  path: string,
  options: ColumnOptions = {},
): Promise<Dataset<ClassificationExample>> {
  const { train, dev, test } = await readDataset(path, reader(options));
  const { reading, note } = chooseReading(train.examples, options);
  const dataset: Dataset<ClassificationExample> = {
    train: labelled({ ...train, notes: [...(train.notes ?? []), `the problem is ${note}`] }, reading),
    problem: reading.problem,
  };
  if (dev !== undefined) dataset.dev = labelled(dev, reading);
  if (test !== undefined) dataset.test = labelled(test, reading);
  checkLabels(dataset);
  return dataset;
}

/** The split that `evaluate` scores; its labels are checked against the adapter's by the caller (labels.ts). */
export async function readClassificationSplit(
  path: string,
  options: ColumnOptions = {},
): Promise<Split<ClassificationExample>> {
  const split = await readEvaluationSplit(path, reader(options));
  return labelled(split, chooseReading(split.examples, options).reading);
}

function reader(options: ColumnOptions): Reader<Unlabelled> {
  return { extensions: tableExtensions, read: file => readFile(file, options) };
}

async function readFile(file: string, options: ColumnOptions): Promise<Split<Unlabelled>> {
  const table = await readTable(file);
  if (table.rows.length === 0) throw new VeneerError('invalid_data', `${file}: no examples in it`);
  const columns = chooseColumns(table, options, file);
  const { rows, skipped } = leaveOutHeaders(table.rows.slice(columns.headerRows), columns);
  const names = options.labelNames ?? table.classNames?.get(columns.names?.[columns.label] ?? '');
  const reading: RowReading = { columns, names, mayBeEmpty: options.problem === 'multi-label' };
  return {
    examples: rows.map(row => example(row, reading)),
    skipped,
    digest: table.digest,
    notes: [columns.note],
  };
}

interface RowReading {
  columns: Columns;
  names: ColumnOptions['labelNames'];
  /** Whether an empty label cell means "no label". */
  mayBeEmpty: boolean;
}

function example({ cells, where }: Row, { columns, names, mayBeEmpty }: RowReading): Unlabelled {
  const text = textCell('text', columns.text);
  const cell = labelCell();
  return columns.pair === undefined
    ? { text, cell, names, where }
    : { text, pair: textCell('pair', columns.pair), cell, names, where };

  function textCell(role: string, index: number): string {
    const value = cells[index];
    if (typeof value !== 'string') throw wrong(role, index, value, 'a string');
    if (value.trim() === '')
      throw new VeneerError('invalid_data', `${where}: the ${role} is empty: remove the row`);
    return value;
  }

  function labelCell(): unknown {
    const value = cells[columns.label];
    if (Array.isArray(value)) return value;
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean')
      throw wrong('label', columns.label, value, 'a string or number, or a list of them');
    if (!mayBeEmpty && String(value).trim() === '')
      throw new VeneerError(
        'invalid_data',
        `${where}: the label is empty: remove the row (or, where texts without a label are meant, say --problem multi-label)`,
      );
    return value;
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
