/** Data of several languages: a file or folder each in one directory, or one file with a language column. */
import { readdir, stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { VeneerError } from '../../functions/error.ts';
import { fold } from './columns.ts';
import type { Split, Where } from './dataset.ts';
import { pickEvaluationSplit, type SplitName, type Splits, splitOfStem } from './files.ts';
import { readTable } from './read-table.ts';

export interface LanguageFile {
  language: string;
  /** A file, or a folder with splits. */
  path: string;
}

/**
 * Of each language the test file, else dev, train, or the one without a split: `deu_Latn.test.tsv`, `deu_Latn.tsv`, `deu_Latn/`.
 * A `.txt` file must name its split.
 * Undefined where `path` is no directory.
 */
export async function languageFiles(path: string): Promise<LanguageFile[] | undefined> {
  const isDirectory = await stat(path).then(
    found => found.isDirectory(),
    cause => {
      throw new VeneerError('invalid_data', `${path}: no such file or directory`, { cause });
    },
  );
  if (!isDirectory) return undefined;
  const entries = await readdir(path, { withFileTypes: true });
  const found = new Map<string, Splits<string> & { whole?: string }>();
  const put = (language: string, split: SplitName | 'whole', name: string) => {
    const known = found.get(language) ?? {};
    if (known[split] !== undefined)
      throw new VeneerError(
        'invalid_data',
        `${path}: both ${known[split]} and ${name} could be ${language}'s: keep one`,
      );
    found.set(language, { ...known, [split]: name });
  };
  for (const entry of entries) {
    if (entry.name.startsWith('.')) continue;
    if (entry.isDirectory()) {
      put(entry.name, 'whole', entry.name);
      continue;
    }
    const extension = extname(entry.name);
    if (!dataExtensions.has(extension.toLowerCase())) continue;
    const stem = entry.name.slice(0, -extension.length);
    const [, language, split] = /^(.+)\.([^.]+)$/.exec(stem) ?? [];
    const known = splitOfStem(split ?? '');
    if (language !== undefined && known) put(language, known, entry.name);
    // LICENCE.txt and README.txt are no languages.
    else if (extension.toLowerCase() !== '.txt') put(stem, 'whole', entry.name);
  }
  const files = [...found]
    .map(([language, splits]) => ({
      language,
      path: join(path, (pickEvaluationSplit(splits)?.split ?? splits.whole)!),
    }))
    .sort((a, b) => (a.language < b.language ? -1 : 1));
  if (files.length > 0) return files;
  throw new VeneerError(
    'invalid_data',
    `${path}: no language in it: files like deu_Latn.test.tsv or folders like deu_Latn are needed`,
  );
}

const dataExtensions = new Set([
  '.csv',
  '.tsv',
  '.json',
  '.jsonl',
  '.parquet',
  '.conll',
  '.txt',
  '.iob',
  '.iob2',
  '.bio',
]);
const usual = ['language', 'lang', 'locale'];

/** @throws VeneerError where the file has no such column, or an example is of no language. */
export async function splitByLanguage<Example extends { where: Where }>(
  file: string,
  split: Split<Example>,
  column?: string,
): Promise<Map<string, Example[]>> {
  const { names, rows } = await readTable(file);
  const header = names ?? rows[0]?.cells.map(String) ?? [];
  const at = header.findIndex(name => (column === undefined ? usual.includes(fold(name)) : name === column));
  if (at < 0)
    throw new VeneerError(
      'invalid_data',
      `${file}: no column ${JSON.stringify(column ?? 'language')}: the columns are ${header.slice(0, 20).join(', ')}; name it with --language-column`,
    );
  const languages = new Map(rows.map(({ cells, where }) => [where, cells[at]]));
  const groups = new Map<string, Example[]>();
  for (const example of split.examples) {
    const language = languages.get(example.where);
    if (typeof language !== 'string' || language.trim() === '')
      throw new VeneerError(
        'invalid_data',
        `${example.where}: the language (${JSON.stringify(header[at])}) is empty`,
      );
    groups.set(language, [...(groups.get(language) ?? []), example]);
  }
  return new Map([...groups].sort(([a], [b]) => (a < b ? -1 : 1)));
}
