/** Counts and warnings of a data set. */
import { describe, expect, test } from 'vitest';
import type { ClassificationExample, LabelingExample, QuestionExample } from '../../trainer/data/dataset.ts';
import type { Example } from '../../trainer/data/holdout.ts';
import { described, inspect } from '../../trainer/data/inspect.ts';

const split = (examples: Example[]) => ({ examples, skipped: [], digest: '' });
const texts = (...rows: [text: string, ...labels: string[]][]): ClassificationExample[] =>
  rows.map(([text, ...labels], index) => ({ text, labels, where: `f:${index + 1}` }));

test('labels are counted in every split, and told most first, also where they are numbers', () => {
  const { splits, warnings } = inspect({
    train: {
      ...split(texts(['1', 'b'], ['2', 'a', 'b'], ['3', 'a'], ['4', 'b'])),
      skipped: [{ reason: '', count: 2, where: [] }],
    },
    test: split(texts(['5', 'a'])),
  });
  expect(splits).toEqual({
    train: { examples: 4, skipped: 2, labels: { b: 3, a: 2 } },
    test: { examples: 1, skipped: 0, labels: { a: 1 } },
  });
  expect(described(splits.train!)).toBe('4 examples: b 3, a 2');
  expect(described({ examples: 3, skipped: 0, labels: { 0: 1, 7: 2 } })).toBe('3 examples: 7 2, 0 1');
  expect(warnings).toEqual([]);
});

test('of sentences the entities are counted, of questions those with an answer', () => {
  const sentence: LabelingExample = { words: ['a', 'b', 'c'], tags: ['B-X', 'I-X', 'B-Y'], where: 'f:1' };
  expect(inspect({ train: split([sentence]) }).splits.train!.labels).toEqual({ X: 1, Y: 1 });
  const question: QuestionExample = { id: '1', question: 'q', context: 'c', answers: [], where: 'f:1' };
  expect(inspect({ train: split([question]) }).splits.train!.labels).toEqual({ unanswerable: 1 });
});

test('of regression the spread is told, and values far from 1 are warned of', () => {
  const values = (...given: number[]): ClassificationExample[] =>
    given.map((value, i) => ({ text: `${i}`, labels: ['LABEL_0'], value, where: `f:${i}` }));
  const { splits, warnings } = inspect({ train: split(values(1, 3)) });
  expect(splits.train).toMatchObject({ labels: {}, values: { least: 1, most: 3, mean: 2, deviation: 1 } });
  expect(warnings).toEqual([]);
  for (const [far, deviation] of [
    [[1000, 3000], '1.00e+3'],
    [[5, 5], '0.00'],
  ] as const)
    expect(inspect({ train: split(values(...far)) }).warnings).toEqual([
      `the values to predict have standard deviation ${deviation}: they are learned as they stand, so scale them to about 1`,
    ]);
});

describe('warnings', () => {
  const warned = (train: Example[], others: { dev?: Example[]; test?: Example[] } = {}) =>
    inspect({
      train: split(train),
      ...(others.dev ? { dev: split(others.dev) } : {}),
      ...(others.test ? { test: split(others.test) } : {}),
    }).warnings;

  test('duplicates, with the first places and what they repeat', () => {
    const rows = ['x', 'y', 'x', 'x', 'x', 'x'].map((text): [string, string] => [text, 'a']);
    expect(warned(texts(...rows))).toEqual([
      '4 examples of train stand there more than once (f:3 as f:1, f:4 as f:1, f:5 as f:1, ...)',
    ]);
  });

  test('one text with two labels; the order of several labels means nothing', () => {
    expect(warned(texts(['x', 'a'], ['x', 'b'], ['y', 'a'], ['z', 'b']))).toEqual([
      '1 examples of train have the text of another but not its label (f:2 as f:1)',
    ]);
    expect(warned(texts(['x', 'a', 'b'], ['x', 'b', 'a'], ['y', 'a', 'b']))[0]).toContain('more than once');
  });

  test('a pair is both of its texts', () => {
    const pair = (text: string, second: string, label: string, where: string) => ({
      text,
      pair: second,
      labels: [label],
      where,
    });
    expect(warned([pair('a', 'b', 'x', 'f:1'), pair('a', 'c', 'x', 'f:2')])).toEqual([]);
  });

  test('texts of dev and test that are trained on, whatever their label', () => {
    const train = texts(['x', 'a'], ['y', 'a'], ['z', 'b'], ['w', 'b']);
    const told = warned(train, { dev: texts(['x', 'b'], ['q', 'a']), test: texts(['y', 'a']) });
    expect(told).toEqual([
      '1 examples of dev (50.0 %) have a text that is trained on: the score flatters (f:1 as f:1)',
      '1 examples of test (100.0 %) have a text that is trained on: the score flatters (f:1 as f:2)',
    ]);
  });

  test('of questions, a passage on both sides; another question on it within train is no duplicate', () => {
    const ask = (question: string, context: string, where: string): QuestionExample => ({
      ...{ id: where, question, context, where },
      answers: [{ text: context, start: 0 }],
    });
    const train = [ask('a', 'c', 'f:1'), ask('b', 'c', 'f:2')];
    expect(warned(train)).toEqual([]);
    expect(warned(train, { dev: [ask('d', 'c', 'g:1')] })[0]).toContain('1 examples of dev (100.0 %)');
  });

  test('labels of one example', () => {
    expect(warned(texts(['1', 'a'], ['2', 'a'], ['3', 'b']))).toEqual([
      '1 of 2 labels have fewer than 2 examples in train ("b")',
    ]);
  });
});
