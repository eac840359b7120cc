/** CSV, TSV, JSON and JSON Lines as one thing: rows of cells with where each came from. Knows nothing of what a cell means. */
import { type CsvError, parse } from 'csv-parse/sync';
import { VeneerError } from '../../functions/error.ts';
import type { ClassNames } from './class-names.ts';
import type { Where } from './dataset.ts';
import { splitLines } from './files.ts';
import { jsonType, parseJson } from './json.ts';

export interface Row {
  /** Strings in CSV and TSV; any JSON value else, undefined where the object lacks the column. */
  cells: unknown[];
  where: Where;
}

export interface Table {
  /** Column names where the format has them (the keys of all JSON objects); else the first row may be a header. */
  names?: string[];
  rows: Row[];
  /** By column: what its numbers stand for, where the file says so. */
  classNames?: ReadonlyMap<string, ClassNames>;
}

/** Of text formats. */
export const tableFormats = { csv: csvTable, tsv: tsvTable, json: jsonTable, jsonl: jsonlTable } as const;
export type TableFormat = keyof typeof tableFormats;

/** RFC 4180. A record's place is its first line, and so is that of a fault in it. */
function csvTable(text: string, file: string): Table {
  const rows: Row[] = [];
  let line = 1;
  const keep = (parsed: unknown) => {
    const { record: cells, raw } = parsed as { record: string[]; raw: string };
    if (raw.trim() !== '') rows.push({ cells, where: `${file}:${line}` });
    // csv-parse leaves the newline of a CRLF out of `raw`, and counts a CRLF inside quotes twice in `lines`.
    line += (raw.match(/\n/g)?.length ?? 0) + (raw.endsWith('\r') ? 1 : 0);
    return null;
  };
  try {
    parse(text, {
      raw: true,
      relax_column_count: true,
      record_delimiter: ['\r\n', '\n'],
      on_record: keep,
    });
  } catch (cause) {
    const reason = quoteFaults[(cause as CsvError).code] ?? (cause as Error).message;
    throw new VeneerError('invalid_data', `${file}:${line}: ${reason}`, { cause });
  }
  return sameWidth(rows);
}

const quoteFaults: { [code: string]: string } = {
  CSV_QUOTE_NOT_CLOSED: 'the quoted field that starts here is never closed',
  INVALID_OPENING_QUOTE:
    'a quote inside an unquoted field: quote the whole field and double the quotes in it',
  CSV_INVALID_CLOSING_QUOTE: 'text after a closing quote: double the quotes inside a quoted field',
};

/** A quote is an ordinary character: nothing is quoted in TSV. */
function tsvTable(text: string, file: string): Table {
  const lines = splitLines(text).map((line, index) => ({ line, where: `${file}:${index + 1}` }));
  return sameWidth(
    lines.filter(({ line }) => line !== '').map(({ line, where }) => ({ cells: line.split('\t'), where })),
  );
}

function sameWidth(rows: Row[]): Table {
  const width = rows[0]?.cells.length;
  const odd = rows.find(row => row.cells.length !== width);
  if (odd === undefined) return { rows };
  throw new VeneerError(
    'invalid_data',
    `${odd.where}: ${odd.cells.length} columns where ${rows[0]?.where} has ${width}: quote or remove the separators inside a field`,
  );
}

function jsonTable(text: string, file: string): Table {
  return arrayTable(parseJson(text, file), file);
}

export function arrayTable(value: unknown, file: string): Table {
  if (!Array.isArray(value))
    throw new VeneerError(
      'invalid_data',
      `${file}: ${jsonType(value)} where an array of objects is expected`,
    );
  return objectTable(value.map((element, index) => ({ value: element, where: `${file}:[${index}]` })));
}

function jsonlTable(text: string, file: string): Table {
  const lines = splitLines(text).map((line, index) => ({ line, number: index + 1 }));
  return objectTable(
    lines
      .filter(({ line }) => line.trim() !== '')
      .map(({ line, number }) => ({ value: parseJson(line, file, number), where: `${file}:${number}` })),
  );
}

function objectTable(values: { value: unknown; where: Where }[]): Table {
  const objects = values.map(({ value, where }) => {
    if (value === null || typeof value !== 'object' || Array.isArray(value))
      throw new VeneerError('invalid_data', `${where}: ${jsonType(value)} where an object is expected`);
    return { fields: new Map(Object.entries(value)), where };
  });
  const names = [...new Set(objects.flatMap(({ fields }) => [...fields.keys()]))];
  return {
    names,
    rows: objects.map(({ fields, where }) => ({ cells: names.map(name => fields.get(name)), where })),
  };
}
