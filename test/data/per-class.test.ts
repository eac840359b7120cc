/** --per-class: which examples of a class are kept. */
import { expect, test } from 'vitest';
import type { ClassificationExample, Split } from '../../trainer/data/dataset.ts';
import { keepPerClass } from '../../trainer/data/per-class.ts';

const split = (labels: readonly string[]): Split<ClassificationExample> => ({
  examples: labels.map((label, i) => ({ text: `text ${i}`, labels: [label], where: `a.csv:${i + 2}` })),
  skipped: [],
  notes: ['a note of the reader'],
  digest: 'of the file',
});
const many = split(Array.from({ length: 60 }, (_, i) => ['spam', 'ham', 'ham'][i % 3]!));
const tally = ({ examples }: Split<ClassificationExample>, label: string) =>
  examples.filter(({ labels }) => labels[0] === label).length;

test('so many of each class are kept, in their order, and the note says so', () => {
  const kept = keepPerClass(many, 4, 1);
  expect([tally(kept, 'spam'), tally(kept, 'ham'), kept.examples.length]).toEqual([4, 4, 8]);
  expect(kept.examples).toEqual(many.examples.filter(each => kept.examples.includes(each)));
  expect(kept).toMatchObject({ digest: 'of the file', skipped: [] });
  expect(kept.notes).toEqual(['a note of the reader', '--per-class 4 keeps 8 of 60 examples']);
});

test('the seed decides which: the same again, and others with another seed', () => {
  expect(keepPerClass(many, 4, 1)).toEqual(keepPerClass(many, 4, 1));
  expect(keepPerClass(many, 4, 2).examples).not.toEqual(keepPerClass(many, 4, 1).examples);
  // More are those that fewer were, and others.
  const five = keepPerClass(many, 5, 1).examples;
  expect(keepPerClass(many, 4, 1).examples.filter(each => !five.includes(each))).toEqual([]);
});

test('a class that has fewer keeps what it has, and is named', () => {
  const kept = keepPerClass(split(['a', 'a', 'a', 'b', 'c', 'c', 'd', 'e']), 2, 1);
  expect(kept.examples.map(({ labels }) => labels[0])).toEqual(['a', 'a', 'b', 'c', 'c', 'd', 'e']);
  expect(kept.notes!.at(-1)).toBe(
    '--per-class 2 keeps 7 of 8 examples; 3 of 5 classes have fewer ("b" 1, "d" 1, "e" 1)',
  );
});

test('what is not of one class is refused', () => {
  const two = split(['a', 'b']);
  two.examples[1]!.labels = ['a', 'b'];
  expect(() => keepPerClass(two, 1, 1)).toThrow(
    '--per-class 1: for single-label classification only, and a.csv:3 is not of one class',
  );
  const value = split(['LABEL_0']);
  value.examples[0]!.value = 2.5;
  expect(() => keepPerClass(value, 1, 1)).toThrow('is not of one class');
  const sentences = { ...value, examples: [{ words: ['a'], tags: ['O'], where: 'a.conll:1' }] };
  expect(() => keepPerClass(sentences, 1, 1)).toThrow('a.conll:1 is not of one class');
});
