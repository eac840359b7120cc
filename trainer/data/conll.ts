/**
 * Reads sequence labeling from CoNLL columns: the word first, its tag last, one word a line, a blank line after a sentence.
 * Columns are separated by tabs where the line has one (a word may then contain spaces), else by spaces.
 */
import { VeneerError } from '../../functions/error.ts';
import { splitLines } from './files.ts';
import { isTag, type TaggedSentence } from './tags.ts';

export const conllExtensions = ['conll', 'txt'];

export function parseConll(text: string, file: string): TaggedSentence[] {
  const sentences: TaggedSentence[] = [];
  let current: TaggedSentence | undefined;
  const lines = splitLines(text).map(line => line.replace(/[ \t]+$/, ''));
  const sample = lines.find(line => line !== '' && !isDocumentStart(line) && !line.startsWith('#'));
  const width = sample === undefined ? 2 : columnsOf(sample).length;
  for (const [index, line] of lines.entries()) {
    if (line === '' || isDocumentStart(line)) {
      current = undefined;
      continue;
    }
    const columns = columnsOf(line);
    if (current === undefined && isComment(line, columns, width)) continue;
    const { word, tag } = parseWord(columns, width, `${file}:${index + 1}`);
    if (current === undefined) {
      current = { words: [], tags: [], where: `${file}:${index + 1}` };
      sentences.push(current);
    }
    current.words.push(word);
    current.tags.push(tag);
  }
  return sentences;
}

function parseWord(columns: string[], width: number, where: string): { word: string; tag: string } {
  const word = columns[0] ?? '';
  const tag = columns.at(-1) ?? '';
  if (word === '') throw new VeneerError('invalid_data', `${where}: a tag without a word`);
  if (columns.length === 1)
    throw new VeneerError(
      'invalid_data',
      `${where}: ${JSON.stringify(word)} has no tag: a line is a word, a separator and its tag`,
    );
  if (columns.length !== width)
    throw new VeneerError('invalid_data', `${where}: ${columns.length} columns where the file has ${width}`);
  if (!isTag(tag))
    throw new VeneerError(
      'invalid_data',
      `${where}: ${JSON.stringify(tag)} is no tag: O, or B-, I-, M-, E-, S-, L- or U- and a type, in the last column`,
    );
  return { word, tag };
}

function columnsOf(line: string): string[] {
  return line.includes('\t') ? line.split(/[ ]*\t[ \t]*/) : line.replace(/^ +/, '').split(/ +/);
}

function isDocumentStart(line: string): boolean {
  return /^-DOCSTART-(?:[ \t]|$)/.test(line);
}

/**
 * A line `# ...` before a sentence's first word (`# sent_id = 12`), unless it reads as one: the words `#` and `# O` occur
 * in tagged text, so as many columns as the file has with a tag in the last are a word.
 */
function isComment(line: string, columns: string[], width: number): boolean {
  return line.startsWith('# ') && !(columns.length === width && isTag(columns.at(-1)!));
}
