/**
 * Reads sequence labeling: CoNLL columns (conll.ts), or records of JSON, JSON Lines and Parquet with a list of words and a
 * list of tags (Hugging Face's `tokens` and `ner_tags`); tags by name, or by number where their names are known.
 */
import { extname } from 'node:path';
import { VeneerError } from '../../functions/error.ts';
import type { ClassNames } from './class-names.ts';
import { nameOf } from './class-names.ts';
import { type ColumnOptions, listColumn } from './columns.ts';
import { conllExtensions, parseConll } from './conll.ts';
import type { Dataset, LabelingExample, Skipped, Split } from './dataset.ts';
import { type Reader, readDataset, readEvaluationSplit, readText } from './files.ts';
import { jsonType } from './json.ts';
import { checkEntityTypes } from './labels.ts';
import { readTable } from './read-table.ts';
import type { Row } from './table.ts';
import { isTag, type TaggedSentence, toIob2 } from './tags.ts';

const wordNames = ['tokens', 'words'];
const tagNames = ['ner_tags', 'tags', 'ner', 'labels'];

/** Tags are IOB2, and the entity types of dev and test are known to be among those of train. */
export async function readLabeling(
  path: string,
  options: ColumnOptions = {},
): Promise<Dataset<LabelingExample>> {
  const dataset = await readDataset(path, reader(options));
  checkEntityTypes(dataset);
  return dataset;
}

/** The split that `evaluate` scores; its types are checked against the adapter's by the caller (labels.ts). */
export async function readLabelingSplit(
  path: string,
  options: ColumnOptions = {},
): Promise<Split<LabelingExample>> {
  return readEvaluationSplit(path, reader(options));
}

function reader(options: ColumnOptions): Reader<LabelingExample> {
  return {
    extensions: [...conllExtensions, 'json', 'jsonl', 'parquet'],
    async read(file) {
      const extension = extname(file).slice(1).toLowerCase();
      const { sentences, digest, skipped } = ['json', 'jsonl', 'parquet'].includes(extension)
        ? await readRecords(file, options)
        : await readLines(file);
      const { examples, note } = toIob2(sentences, file);
      return { examples, skipped, digest, notes: [note] };
    },
  };
}

interface Sentences {
  sentences: TaggedSentence[];
  skipped: Skipped[];
  digest: string;
}

async function readLines(file: string): Promise<Sentences> {
  const { text, digest } = await readText(file);
  return { sentences: parseConll(text, file), skipped: [], digest };
}

async function readRecords(file: string, options: ColumnOptions): Promise<Sentences> {
  const { names = [], rows, classNames, digest } = await readTable(file);
  if (rows.length === 0) throw new VeneerError('invalid_data', `${file}: no examples in it`);
  const words = listColumn(names, { file, role: 'text', name: options.textColumn, usual: wordNames });
  const tags = listColumn(names, { file, role: 'label', name: options.labelColumn, usual: tagNames });
  const known = options.labelNames ?? classNames?.get(names[tags]!);
  const empty: Skipped = { reason: 'the sentence has no words', count: 0, where: [] };
  const blank: Skipped = { reason: 'a word without a visible character', count: 0, where: [] };
  const sentences = rows.flatMap(row => {
    const sentence = sentenceOf(row, { words, tags, names, known, blank });
    if (sentence.words.length > 0) return [sentence];
    count(empty, row.where);
    return [];
  });
  return { sentences, skipped: [empty, blank].filter(({ count }) => count > 0), digest };
}

interface Reading {
  words: number;
  tags: number;
  names: readonly string[];
  known: ClassNames | undefined;
  blank: Skipped;
}

function sentenceOf({ cells, where }: Row, { words, tags, names, known, blank }: Reading): TaggedSentence {
  const listOf = (column: number): readonly unknown[] => {
    const value = cells[column];
    if (Array.isArray(value)) return value;
    const found = value === undefined ? 'not there' : jsonType(value);
    throw new VeneerError(
      'invalid_data',
      `${where}: ${JSON.stringify(names[column])} is ${found}: it must be a list`,
    );
  };
  const [texts, marks] = [listOf(words), listOf(tags)];
  if (texts.length !== marks.length)
    throw new VeneerError(
      'invalid_data',
      `${where}: ${texts.length} words in ${JSON.stringify(names[words])} but ${marks.length} tags in ${JSON.stringify(names[tags])}`,
    );
  const sentence: TaggedSentence = { words: [], tags: [], where, inRecord: true };
  for (const [index, text] of texts.entries()) {
    const place = `${where}, word ${index + 1}`;
    if (typeof text !== 'string')
      throw new VeneerError('invalid_data', `${place}: the word is ${jsonType(text)}: it must be a string`);
    const tag = nameOf(marks[index], { where: place, what: 'tag', names: known });
    if (!isTag(tag))
      throw new VeneerError(
        'invalid_data',
        `${place}: ${JSON.stringify(tag)} is no tag: O, or B-, I-, M-, E-, S-, L- or U- and a type`,
      );
    if (text.trim() === '') {
      count(blank, place);
      continue;
    }
    sentence.words.push(text);
    sentence.tags.push(tag);
  }
  return sentence;
}

function count(skipped: Skipped, where: string): void {
  skipped.count++;
  if (skipped.where.length < 5) skipped.where.push(where);
}
