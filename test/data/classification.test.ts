/** Classification files of every format, good and bad. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readClassification, readClassificationSplit } from '../../trainer/data/classification.ts';
import type { ColumnOptions } from '../../trainer/data/columns.ts';
import { faultOf, folderOf } from './folder.ts';

async function read(name: string, content: string, options: ColumnOptions = {}) {
  return readClassificationSplit(join(await folderOf({ [name]: content }), name), options);
}

/** Examples as `line text | pair | label`. */
async function examplesOf(name: string, content: string, options: ColumnOptions = {}) {
  const { examples } = await read(name, content, options);
  return examples.map(({ text, pair, labels, where }) =>
    [
      `${where.slice(where.lastIndexOf(':') + 1)} ${text}`,
      ...(pair === undefined ? [] : [pair]),
      ...labels,
    ].join(' | '),
  );
}

describe('CSV', () => {
  test('quoted fields hold separators, doubled quotes and newlines, and records know their first line', async () => {
    const csv = 'text,category\n"a, ""b""",x\n"two\nlines",y\n\n"\nthree\r\nlines",x\nplain,y';
    expect(await examplesOf('f.csv', csv)).toEqual([
      '2 a, "b" | x',
      '3 two\nlines | y',
      '6 \nthree\r\nlines | x',
      '9 plain | y',
    ]);
  });

  test('CRLF ends lines, also where only some have it, and a byte order mark is no part of the header', async () => {
    const csv = '\ufefftext,label\r\n"a\r\nb",x\r\nc,y\nd,x\r\n';
    expect(await examplesOf('f.csv', csv)).toEqual(['2 a\r\nb | x', '4 c | y', '5 d | x']);
  });

  test.each([
    ['a row with too many columns', 'text,label\na,x\nb,c,y\n', 'f.csv:3: 3 columns where'],
    [
      'a row with too few, after a record of several lines',
      'text,label\n"a\n\nb",x\nc\n',
      'f.csv:5: 1 columns where',
    ],
    [
      'a quote that is never closed',
      'text,label\na,x\n"b,y\nc,x\n',
      'f.csv:3: the quoted field that starts here is never closed',
    ],
    [
      'a quote inside an unquoted field',
      'text,label\na "b" c,x\n',
      'f.csv:2: a quote inside an unquoted field',
    ],
    ['text after a closing quote', 'text,label\n"a" b,x\n', 'f.csv:2: text after a closing quote'],
    ['an empty text', 'text,label\na,x\n" ",x\n', 'f.csv:3: the text is empty'],
    ['an empty label', 'text,label\na,x\nb,\n', 'f.csv:3: the label is empty'],
    ['an empty second text', 'sentence1,sentence2,label\na,,x\n', 'f.csv:2: the pair is empty'],
    ['a header alone', 'text,label\n', 'f.csv: no examples'],
    ['nothing', '', 'f.csv: no examples'],
  ])('%s is an error with its line', async (_, csv, message) => {
    expect(await faultOf(read('f.csv', csv))).toContain(message);
  });
});

describe('TSV', () => {
  test('a quote is an ordinary character, and so is a comma', async () => {
    expect(await examplesOf('f.tsv', 'label\ttext\nx\t"a, b\ny\tc" "d\r\n')).toEqual([
      '2 "a, b | x',
      '3 c" "d | y',
    ]);
  });

  test('columns by number read a file without header', async () => {
    const tsv = 'good one\t27\te1\ntext\t3\te2\n';
    expect(await examplesOf('f.tsv', tsv, { textColumn: '1', labelColumn: '2' })).toEqual([
      '1 good one | 27',
      '2 text | 3',
    ]);
  });

  test('columns by number know a header by its usual names', async () => {
    const tsv = 'index_id\tcategory\ttext\n7\ttravel\ta\n';
    expect(await examplesOf('f.tsv', tsv, { textColumn: '3', labelColumn: '2' })).toEqual(['2 a | travel']);
  });

  test('a second header line, whatever its names, is left out and counted', async () => {
    const { examples, skipped } = await read(
      'f.tsv',
      'label\ttext\nLabel\tSMS\nham\ta\nLABEL\tText\nspam\tb\n',
    );
    expect(examples.map(example => example.labels[0])).toEqual(['ham', 'spam']);
    expect(skipped).toEqual([
      {
        reason: 'the header line again',
        count: 2,
        where: [expect.stringMatching(/f\.tsv:2$/), expect.stringMatching(/f\.tsv:4$/)],
      },
    ]);
  });

  test('a label that merely equals the column name is kept', async () => {
    expect(await examplesOf('f.tsv', 'topic\ttext\ntopic\ta\nother\tb\ntopic\tc\n')).toHaveLength(3);
  });

  test('a tab inside a text is an error with its line', async () => {
    expect(await faultOf(read('f.tsv', 'text\tlabel\na\tx\nb\tc\ty\n'))).toMatch(
      /^f\.tsv:3: 3 columns where f\.tsv:1 has 2/,
    );
  });
});

describe('JSON and JSON Lines', () => {
  test('numbers and booleans as labels become strings', async () => {
    const json = '[{"text":"a","label":1},{"label":"x","text":"b","more":[1]},{"text":"c","label":false}]';
    expect(await examplesOf('f.json', json)).toEqual(['[0] a | 1', '[1] b | x', '[2] c | false']);
  });

  test('JSON Lines skip blank lines and keep line numbers', async () => {
    const jsonl =
      '{"sentence1":"a","sentence2":"b","label":0}\r\n\r\n{"sentence1":"c\\u2028","sentence2":"d","label":1}\n';
    expect(await examplesOf('f.jsonl', jsonl)).toEqual(['1 a | b | 0', '3 c\u2028 | d | 1']);
  });

  test.each([
    [
      'a syntax error',
      'f.json',
      '[\n{"text": "a", "label": 1},\n{"text" "b"}]',
      'f.json:3: not valid JSON at column 9',
    ],
    ['a text that ends too early', 'f.json', '[{"text": "a"', 'f.json:1: not valid JSON at column 14'],
    [
      'a syntax error of a line',
      'f.jsonl',
      '{"text":"a","label":1}\n{"text":"b",}\n',
      'f.jsonl:2: not valid JSON at column 13',
    ],
    [
      'an object at the top',
      'f.json',
      '{"text":"a"}',
      'f.json: an object where an array of objects is expected',
    ],
    [
      'an element that is no object',
      'f.json',
      '[{"text":"a","label":1},3]',
      'f.json:[1]: a number where an object',
    ],
    ['a line that is no object', 'f.jsonl', '[]\n', 'f.jsonl:1: an array where an object'],
    [
      'a field that is missing',
      'f.jsonl',
      '{"text":"a","label":1}\n{"text":"b"}\n',
      'f.jsonl:2: the label ("label") is not there',
    ],
    [
      'a label that is an object',
      'f.jsonl',
      '{"text":"a","label":{"x":1}}\n',
      'f.jsonl:1: the label ("label") is an object',
    ],
    [
      'a list in a list of labels',
      'f.jsonl',
      '{"text":"a","label":["x",["y"]]}\n',
      'f.jsonl:1: the label is an array',
    ],
    [
      'a text that is no string',
      'f.jsonl',
      '{"text":null,"label":"x"}\n',
      'f.jsonl:1: the text ("text") is null',
    ],
    ['an empty array', 'f.json', '[]', 'f.json: no examples'],
  ])('%s is an error with its place', async (_, name, content, message) => {
    expect(await faultOf(read(name, content))).toContain(message);
  });
});

describe('columns', () => {
  test('a guess is told, and so are columns that were given', async () => {
    const guessed = await read('f.csv', 'id,Sentence1,Sentence2,Label\n1,a,b,x\n');
    expect(guessed.notes?.[0]).toMatch(
      /f\.csv: columns guessed from the header: text "Sentence1", pair "Sentence2", label "Label"$/,
    );
    const given = await read('f.csv', 'a,b\nx,y\n', { textColumn: 'b', labelColumn: '1' });
    expect(given.notes?.[0]).toMatch(/f\.csv: columns: text "b", label "a"$/);
    expect(given.examples).toMatchObject([{ text: 'y', labels: ['x'] }]);
  });

  test('a question with a sentence is a pair, and a text column that is named leaves the pair out', async () => {
    const csv = 'question,sentence,label\na,b,x\n';
    expect(await examplesOf('f.csv', csv)).toEqual(['2 a | b | x']);
    expect(await examplesOf('f.csv', csv, { textColumn: 'sentence' })).toEqual(['2 b | x']);
    expect(await examplesOf('f.csv', csv, { textColumn: 'sentence', pairColumn: 'question' })).toEqual([
      '2 b | a | x',
    ]);
  });

  test.each([
    [
      'a name that is not there',
      { textColumn: 'body' },
      'f.csv:1: no column "body": the columns are "text", "label", "x"',
    ],
    ['a number past the last', { labelColumn: '4' }, 'f.csv:1: no column "4": the columns are'],
    ['one column twice', { textColumn: 'label' }, 'f.csv: one column cannot be both'],
  ])('%s is an error with the columns there are', async (_, options, message) => {
    expect(await faultOf(read('f.csv', 'text,label,x\na,b,c\n', options))).toContain(message);
  });

  test('a header that says nothing asks for the option', async () => {
    expect(await faultOf(read('f.tsv', 'hello\tgreeting\n'))).toBe(
      'f.tsv:1: no column is recognised as the text: the columns are "hello", "greeting"; name it with --text-column (its number, from 1, where the file has no header line)',
    );
    expect(await faultOf(read('f.csv', 'text,mood\na,x\n'))).toContain(
      'as the label: the columns are "text", "mood"; name it with --label-column',
    );
  });

  test('a name that two columns have is an error where it is meant', async () => {
    expect(await faultOf(read('f.csv', 'a,a,label\n1,2,3\n', { textColumn: 'a' }))).toBe(
      'f.csv:1: two columns are named "a"',
    );
  });
});

describe('data sets', () => {
  test('all splits are read, and an unknown extension is an error', async () => {
    const folder = await folderOf({
      'train.csv': 'text,label\na,x\nb,y\n',
      'valid.jsonl': '{"text":"c","label":"y"}\n',
    });
    const dataset = await readClassification(folder);
    expect(dataset.train.examples).toHaveLength(2);
    expect(dataset.dev?.examples).toMatchObject([{ text: 'c', labels: ['y'] }]);
    expect(dataset.test).toBeUndefined();
    expect(await faultOf(read('f.xlsx', 'x'))).toBe(
      'f.xlsx: the extension must say the format: .csv, .tsv, .json, .jsonl, .parquet',
    );
  });

  test('a label that train lacks is an error with its line', async () => {
    const folder = await folderOf({
      'train.csv': 'text,label\na,x\nb,y\n',
      'test.csv': 'text,label\na,x\nb,z\n',
    });
    expect(await faultOf(readClassification(folder))).toBe(
      'test.csv:3: label "z" is unknown: the train split has "x", "y"',
    );
  });

  test('text pairs in one split only are an error', async () => {
    const folder = await folderOf({
      'train.csv': 'text,text_pair,label\na,b,x\n',
      'dev.csv': 'text,label\na,x\n',
    });
    expect(await faultOf(readClassification(folder))).toBe(
      'dev.csv:2: one text an example, but the train split has two: name the columns alike',
    );
  });
});
