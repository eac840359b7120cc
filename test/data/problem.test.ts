/** What a label column asks for: chosen, asked for, and refused with the place. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readClassification } from '../../trainer/data/classification.ts';
import type { ColumnOptions } from '../../trainer/data/columns.ts';
import { faultOf, folderOf } from './folder.ts';

const read = async (name: string, content: string, options: ColumnOptions = {}) =>
  readClassification(join(await folderOf({ [name]: content }), name), options);

async function labelsOf(name: string, content: string, options: ColumnOptions = {}) {
  const { train, problem } = await read(name, content, options);
  return { problem, labels: train.examples.map(({ labels }) => labels.join('+')) };
}

const tsv = (...cells: string[]) => `text\tlabel\n${cells.map((cell, i) => `t${i}\t${cell}\n`).join('')}`;
const jsonl = (...cells: unknown[]) =>
  cells.map((label, i) => `${JSON.stringify({ text: `t${i}`, label })}\n`).join('');

describe('chosen by the labels', () => {
  test.each<[string, string, string, ColumnOptions, string, string[]]>([
    ['whole numbers with commas', 'f.tsv', tsv('27', '3,17', '0'), {}, 'multi-label', ['27', '3+17', '0']],
    ['whole numbers alone', 'f.tsv', tsv('27', '3'), {}, 'single-label', ['27', '3']],
    ['commas in names are no separators', 'f.tsv', tsv('a,b', 'c'), {}, 'single-label', ['a,b', 'c']],
    ['names beside numbers', 'f.tsv', tsv('3,17', 'c'), {}, 'single-label', ['3,17', 'c']],
    [
      'a separator of one’s own',
      'f.tsv',
      tsv('a; b', 'c'),
      { labelSeparator: ';' },
      'multi-label',
      ['a+b', 'c'],
    ],
    [
      'a separator that no cell has',
      'f.tsv',
      tsv('a', 'c'),
      { labelSeparator: ';' },
      'single-label',
      ['a', 'c'],
    ],
    ['lists', 'f.jsonl', jsonl(['x', 'y'], ['x']), {}, 'multi-label', ['x+y', 'x']],
    ['an empty list', 'f.jsonl', jsonl([], ['x']), {}, 'multi-label', ['', 'x']],
    ['lists of one', 'f.jsonl', jsonl(['x'], ['y']), {}, 'single-label', ['x', 'y']],
    ['numbers, never a regression', 'f.jsonl', jsonl(0.5, 3), {}, 'single-label', ['0.5', '3']],
    // biome-ignore format: a table
  ])('%s', async (_, name, content, options, problem, labels) => {
    expect(await labelsOf(name, content, options)).toEqual({ problem, labels });
  });

  test('the choice is told with the cell that made it', async () => {
    const { train } = await read('f.tsv', tsv('1', '3,17'));
    expect(train.notes).toContainEqual(
      expect.stringMatching(
        /^the problem is multi-label: several labels in one cell \(first: .*f\.tsv:3: "3,17"\)$/,
      ),
    );
  });

  test('dev and test are read as train is', async () => {
    const folder = await folderOf({
      'train.tsv': tsv('1', '3,1'),
      'dev.tsv': tsv('3,1'),
      'test.tsv': tsv('3'),
    });
    const { dev, test } = await readClassification(folder);
    expect([dev, test].map(split => split?.examples[0]?.labels)).toEqual([['3', '1'], ['3']]);
  });
});

describe('asked for', () => {
  test.each<[string, string, ColumnOptions, string[]]>([
    ['multi-label cuts names at commas', tsv('a,b', 'c'), { problem: 'multi-label' }, ['a+b', 'c']],
    ['multi-label takes an empty cell as no label', tsv('a,a', ''), { problem: 'multi-label' }, ['a', '']],
    ['single-label never cuts', tsv('3,17', '1'), { problem: 'single-label' }, ['3,17', '1']],
    ['labels by number get their names', tsv('1,0', '2'), { labelNames: ['x', 'y', 'z'] }, ['y+x', 'z']],
  ])('%s', async (_, content, options, labels) => {
    expect((await labelsOf('f.tsv', content, options)).labels).toEqual(labels);
  });

  test('regression reads numbers as they are written', async () => {
    const { train } = await read('f.tsv', tsv('3.80', '-1e-2', ' 0 '), { problem: 'regression' });
    expect(train.examples.map(({ value, labels }) => [value, labels])).toEqual([
      [3.8, ['LABEL_0']],
      [-0.01, ['LABEL_0']],
      [0, ['LABEL_0']],
    ]);
  });
});

test.each<[string, string, string, ColumnOptions, string]>([
  [
    'an empty cell',
    'f.tsv',
    tsv('a', ''),
    {},
    'f.tsv:3: the label is empty: remove the row (or, where texts without',
  ],
  [
    'a word to be predicted',
    'f.tsv',
    tsv('1', 'x'),
    { problem: 'regression' },
    'f.tsv:3: the label "x" is no number',
  ],
  [
    'infinity',
    'f.tsv',
    tsv('Infinity'),
    { problem: 'regression' },
    'f.tsv:2: the label "Infinity" is no number',
  ],
  [
    'a truth value',
    'f.jsonl',
    jsonl(true),
    { problem: 'regression' },
    'f.jsonl:1: the label true is no number',
  ],
  [
    'several for one',
    'f.jsonl',
    jsonl('x', ['x', 'y']),
    { problem: 'single-label' },
    'f.jsonl:2: a list of 2 labels',
  ],
  ['none for one', 'f.jsonl', jsonl([]), { problem: 'single-label' }, 'f.jsonl:1: a list of 0 labels'],
  [
    'a number past the names',
    'f.tsv',
    tsv('0', '2'),
    { labelNames: ['x', 'y'] },
    'f.tsv:3: label 2 has no name',
  ],
  [
    'a missing label of -1',
    'f.jsonl',
    jsonl(-1),
    { labelNames: ['x', 'y'] },
    'f.jsonl:1: label -1 has no name',
  ],
  ['null in a list', 'f.jsonl', jsonl(['x', null]), {}, 'f.jsonl:1: the label is null'],
  // biome-ignore format: a table
])('%s is refused with its place', async (_, name, content, options, message) => {
  expect(await faultOf(read(name, content, options))).toContain(message);
});

test('labels that train lacks are all named, with the place of the first', async () => {
  const folder = await folderOf({ 'train.tsv': tsv('1', '2,3'), 'dev.tsv': tsv('2', '9,1,8', '9') });
  expect(await faultOf(readClassification(folder))).toBe(
    'dev.tsv:3: labels "9", "8" are unknown: the train split has "1", "2", "3"',
  );
});
