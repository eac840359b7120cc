/**
 * Where a data set's files are, and their text: `--data` names one file (training only) or a directory of train, dev
 * and test files. Knows nothing of what is in them.
 */
import { constants, isUtf8 } from 'node:buffer';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Dataset, Split } from './dataset.ts';

/** Also in the parts of a Hugging Face data set: `train-00000-of-00003` and so on. */
const stems = { train: ['train'], dev: ['dev', 'validation', 'valid'], test: ['test'] } as const;
export type SplitName = keyof typeof stems;

/** `validation` is dev. */
export function splitOfStem(name: string): SplitName | undefined {
  return (Object.keys(stems) as SplitName[]).find(split =>
    (stems[split] as readonly string[]).includes(name),
  );
}

/** One thing a split; which splits there are is not yet checked. */
export type Splits<T> = { [Name in SplitName]?: T };

/** How one task's data is read: the extensions looked for in a directory, and the reader of one file. */
export interface Reader<Example> {
  extensions: readonly string[];
  read(file: string): Promise<Split<Example>>;
}

/**
 * The files of each split, in order: one, or all its parts.
 * @throws VeneerError `invalid_data` where two files could be the same split, or a part is missing.
 */
export async function findSplits(path: string, extensions: readonly string[]): Promise<Splits<string[]>> {
  const isDirectory = await stat(path).then(
    found => found.isDirectory(),
    cause => Promise.reject(unreadable(path, cause)),
  );
  if (!isDirectory) return { train: [path] };
  const entries = await readdir(path, { withFileTypes: true }).catch(cause =>
    Promise.reject(unreadable(path, cause)),
  );
  const names = entries.filter(entry => !entry.isDirectory()).map(entry => entry.name);
  const splits: Splits<string[]> = {};
  for (const split of Object.keys(stems) as SplitName[]) {
    const candidates = stems[split].flatMap(stem =>
      extensions.flatMap(extension => {
        const whole = `${stem}.${extension}`;
        const parts = partsOf(names, { path, stem, extension });
        return [...(names.includes(whole) ? [[whole]] : []), ...parts];
      }),
    );
    const [first, second] = candidates;
    if (first && second)
      throw new VeneerError(
        'invalid_data',
        `${path}: both ${first[0]} and ${second[0]} could be the ${split} split: keep one`,
      );
    if (first) splits[split] = first.map(name => join(path, name));
  }
  return splits;
}

/** Of each number of parts that names speak of, all its parts. */
function partsOf(
  names: readonly string[],
  { path, stem, extension }: { path: string; stem: string; extension: string },
): string[][] {
  const pattern = new RegExp(`^${stem}-(\\d{5})-of-(\\d{5})\\.${extension}$`);
  const totals = new Set(names.flatMap(name => pattern.exec(name)?.[2] ?? []).filter(Number));
  return Array.from(totals, total =>
    Array.from({ length: Number(total) }, (_, part) => {
      const name = `${stem}-${String(part).padStart(5, '0')}-of-${total}.${extension}`;
      if (names.includes(name)) return name;
      throw new VeneerError(
        'invalid_data',
        `${path}: ${name} is missing: all ${Number(total)} parts are needed`,
      );
    }),
  );
}

/** What `evaluate` scores: the test split where there is one, else dev, else train. */
export function pickEvaluationSplit<T>(splits: Splits<T>): { name: SplitName; split: T } | undefined {
  for (const name of ['test', 'dev', 'train'] as const) {
    const split = splits[name];
    if (split !== undefined) return { name, split };
  }
  return undefined;
}

export async function readDataset<Example>(path: string, reader: Reader<Example>): Promise<Dataset<Example>> {
  const files = await findSplits(path, reader.extensions);
  if (files.train === undefined) throw missing(path, 'train', reader);
  const dataset: Dataset<Example> = { train: await readExamples(files.train, reader) };
  if (files.dev !== undefined) dataset.dev = await readExamples(files.dev, reader);
  if (files.test !== undefined) dataset.test = await readExamples(files.test, reader);
  return dataset;
}

/** The one split to score: the file itself, or the directory's test, dev or train file. */
export async function readEvaluationSplit<Example>(
  path: string,
  reader: Reader<Example>,
): Promise<Split<Example>> {
  const picked = pickEvaluationSplit(await findSplits(path, reader.extensions));
  if (picked === undefined) throw missing(path, 'test, dev or train', reader);
  return readExamples(picked.split, reader);
}

async function readExamples<Example>(
  files: readonly string[],
  reader: Reader<Example>,
): Promise<Split<Example>> {
  const parts: Split<Example>[] = [];
  for (const file of files) {
    const part = await reader.read(file);
    if (part.examples.length === 0) throw new VeneerError('invalid_data', `${file}: no examples in it`);
    parts.push(part);
  }
  const [first] = parts as [Split<Example>];
  if (parts.length === 1) return first;
  return {
    ...first,
    examples: parts.flatMap(part => part.examples),
    skipped: parts.flatMap(part => part.skipped),
    digest: sha256(parts.map(part => part.digest).join()),
  };
}

export async function readBytes(file: string): Promise<{ bytes: Buffer; digest: string }> {
  const bytes = await readFile(file).catch(cause => Promise.reject(unreadable(file, cause)));
  return { bytes, digest: sha256(bytes) };
}

/** The file's text without byte order mark, and the digest of its bytes. UTF-8 or an error, never a replacement character. */
export async function readText(file: string): Promise<{ text: string; digest: string }> {
  const { bytes, digest } = await readBytes(file);
  if (bytes.length > constants.MAX_STRING_LENGTH)
    throw new VeneerError(
      'invalid_data',
      `${file}: over ${constants.MAX_STRING_LENGTH} bytes: split the file`,
    );
  if (!isUtf8(bytes))
    throw new VeneerError(
      'invalid_data',
      `${file}:${firstLineNotUtf8(bytes)}: not UTF-8: save the file as UTF-8`,
    );
  return { text: new TextDecoder('utf-8').decode(bytes), digest };
}

/** Lines of a text; a carriage return before the newline belongs to the line's end. */
export function splitLines(text: string): string[] {
  return text.split(/\r?\n/);
}

/** A newline byte is never part of a longer UTF-8 sequence, so lines can be checked one by one. */
function firstLineNotUtf8(bytes: Buffer): number {
  let line = 1;
  for (let start = 0; start < bytes.length; line++) {
    const newline = bytes.indexOf(0x0a, start);
    const end = newline < 0 ? bytes.length : newline + 1;
    if (!isUtf8(bytes.subarray(start, end))) return line;
    start = end;
  }
  return line;
}

function missing<Example>(path: string, what: string, reader: Reader<Example>) {
  return new VeneerError(
    'invalid_data',
    `${path}: no ${what} file: one named like train.${reader.extensions.join(', train.')} is needed`,
  );
}

function unreadable(path: string, cause: unknown) {
  const code = (cause as NodeJS.ErrnoException).code;
  const why = code === 'ENOENT' ? 'no such file or directory' : `cannot be read (${code ?? cause})`;
  return new VeneerError('invalid_data', `${path}: ${why}`, { cause });
}
