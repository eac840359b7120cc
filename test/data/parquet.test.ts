/** Parquet of every task, in five codecs, written by Hugging Face's `datasets` and by PyArrow (golden, by parquet.py). */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readClassification } from '../../trainer/data/classification.ts';
import { readLabeling } from '../../trainer/data/labeling.ts';
import { readTable } from '../../trainer/data/read-table.ts';
import { readQuestions } from '../../trainer/data/squad.ts';
import { faultOf, folderOf } from './folder.ts';

const golden = (name: string) => fileURLToPath(new URL(`golden/${name}.parquet`, import.meta.url));

test('a list of class numbers is several labels, by the names that the file carries', async () => {
  const { train, problem } = await readClassification(golden('emotions'));
  expect(problem).toBe('multi-label');
  expect(train.examples.map(({ text, labels }) => [text, labels])).toEqual([
    ['so happy 🎉', ['joy', 'love']],
    ['grr', ['anger']],
    ['hm', []],
  ]);
  expect(train.examples[1]!.where).toMatch(/emotions\.parquet:\[1\]$/);
});

test('one class number is one label, by its name, and names of one’s own go first', async () => {
  const { train, problem } = await readClassification(golden('topics'));
  expect(problem).toBe('single-label');
  expect(train.examples.map(({ labels }) => labels)).toEqual([['late'], ['praise']]);
  const renamed = await readClassification(golden('topics'), { labelNames: ['spät', 'Lob'] });
  expect(renamed.train.examples.map(({ labels }) => labels)).toEqual([['spät'], ['Lob']]);
});

test('pairs with a score are a regression where that is asked for', async () => {
  const { train } = await readClassification(golden('similarity'), { problem: 'regression' });
  expect(train.examples).toMatchObject([
    { text: 'a man', pair: 'a woman', value: 3.8 },
    { text: 'a dog', pair: 'a plane', value: 0.25 },
  ]);
});

test('an integer beyond what a number holds stays exact', async () => {
  const { names, rows } = await readTable(golden('similarity'));
  expect(rows.map(({ cells }) => cells[names!.indexOf('index')])).toEqual(['9007199254740994', 7]);
});

test('tokens and tag numbers are sentences, and one without words is left out and counted', async () => {
  const { train } = await readLabeling(golden('entities'));
  expect(train.examples.map(({ words, tags }) => [words.join(' '), tags.join(' ')])).toEqual([
    ['Mara Lind lives in Oslo', 'B-PER I-PER O O B-LOC'],
    ['北京 is big', 'B-LOC O O'],
  ]);
  expect(train.skipped).toMatchObject([{ reason: 'the sentence has no words', count: 1 }]);
});

test('questions keep their answers, in UTF-16 offsets, and may have none', async () => {
  const { train } = await readQuestions(golden('squad'));
  expect(train.skipped).toEqual([]);
  expect(train.examples.map(({ id, answers }) => [id, answers])).toEqual([
    [
      '1',
      [
        { text: 'Oslo', start: 17 },
        { text: 'in Oslo', start: 14 },
      ],
    ],
    ['2', []],
  ]);
});

test('a directory of the parts of a Hugging Face data set is read by its splits', async () => {
  const bytes = readFileSync(golden('topics'));
  const folder = await folderOf({
    'train-00000-of-00002.parquet': bytes,
    'train-00001-of-00002.parquet': bytes,
    'validation-00000-of-00001.parquet': bytes,
  });
  const { train, dev } = await readClassification(folder);
  expect([train.examples.length, dev?.examples.length]).toEqual([4, 2]);
});

describe('a file that is no Parquet is an error with its name', () => {
  const whole = readFileSync(golden('topics'));
  test.each([
    ['other bytes', Buffer.from('text,label\na,x\n')],
    ['nothing', Buffer.alloc(0)],
    ['its beginning alone', whole.subarray(0, whole.length - 100)],
    [
      'a hole in its pages',
      Buffer.concat([whole.subarray(0, 4), Buffer.alloc(120, 0xff), whole.subarray(124)]),
    ],
  ])('%s', async (_, bytes) => {
    const folder = await folderOf({ 'f.parquet': bytes });
    expect(await faultOf(readTable(join(folder, 'f.parquet')))).toMatch(
      /^f\.parquet: not readable as Parquet: ./,
    );
  });
});
