/** Holding out a dev split: sizes, determinism, strata, and nothing on both sides. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClassificationExample, LabelingExample, QuestionExample } from '../../trainer/data/dataset.ts';
import { splitOff } from '../../trainer/data/holdout.ts';
import { labelsOf, tagsOf } from '../../trainer/data/labels.ts';

const examplesOf = (counts: Record<string, number>): ClassificationExample[] =>
  Object.entries(counts).flatMap(([label, count]) =>
    Array.from({ length: count }, (_, index) => ({ text: `${label} ${index}`, label, where: `f:${index}` })),
  );

test('every label gives its share, and all keep their file order', () => {
  const examples = examplesOf({ a: 50, b: 30, c: 20 });
  const { train, dev } = splitOff(examples, 0.1, 1);
  expect(['a', 'b', 'c'].map(label => dev.filter(example => example.label === label).length)).toEqual([
    5, 3, 2,
  ]);
  expect(train).toEqual(examples.filter(example => !dev.includes(example)));
  expect(dev).toEqual(examples.filter(example => dev.includes(example)));
});

test('the same seed gives the same split in any file order, another seed another', () => {
  const examples = examplesOf({ a: 40, b: 40 });
  const texts = (given: ClassificationExample[], seed: number) =>
    splitOff(given, 0.2, seed)
      .dev.map(({ text }) => text)
      .sort();
  expect(texts([...examples].reverse(), 7)).toEqual(texts(examples, 7));
  expect(texts(examples, 8)).not.toEqual(texts(examples, 7));
});

test('for any labels, repeats and ratio: a partition, every label still in train, no text on both sides', () => {
  const example = fc.record({
    text: fc.integer({ max: 30, min: 0 }).map(String),
    label: fc.constantFrom('a', 'b', 'c'),
    where: fc.constant('f:1'),
  });
  fc.assert(
    fc.property(
      fc.array(example, { minLength: 4, maxLength: 60 }),
      fc.double({ min: 0.05, max: 0.9 }),
      fc.integer(),
      (examples, ratio, seed) => {
        const groups = new Map(
          labelsOf(examples).map(label => [
            label,
            new Set(examples.filter(e => e.label === label).map(e => e.text)).size,
          ]),
        );
        fc.pre([...groups.values()].some(size => size > 1));
        const { train, dev } = splitOff(examples, ratio, seed);
        expect(train.length + dev.length).toBe(examples.length);
        expect(dev.length).toBeGreaterThan(0);
        expect(labelsOf(train)).toEqual(labelsOf(examples));
        const keys = new Set(train.map(({ text, label }) => `${label} ${text}`));
        expect(dev.filter(({ text, label }) => keys.has(`${label} ${text}`))).toEqual([]);
      },
    ),
    { seed: 20261124 },
  );
});

test('an entity type never leaves train', () => {
  const examples: LabelingExample[] = Array.from({ length: 40 }, (_, index) => ({
    words: [`w${index}`],
    tags: [index % 10 === 0 ? `B-${index}` : 'B-X'],
    where: `f:${index}`,
  }));
  for (let seed = 0; seed < 20; seed++) {
    const { train, dev } = splitOff(examples, 0.25, seed);
    expect(dev).toHaveLength(10);
    expect(tagsOf(train)).toEqual(tagsOf(examples));
  }
});

test('the questions of one context stay together', () => {
  const examples: QuestionExample[] = Array.from({ length: 60 }, (_, index) => ({
    id: `${index}`,
    question: `q${index}`,
    context: `c${index % 12}`,
    answers: [],
    where: 'f:1',
  }));
  const { train, dev } = splitOff(examples, 0.2, 3);
  expect(dev).toHaveLength(10);
  const trained = new Set(train.map(({ context }) => context));
  expect(dev.some(({ context }) => trained.has(context))).toBe(false);
});

test('nothing to hold out and ratios outside 0 to 1 are errors', () => {
  expect(() => splitOff(examplesOf({ a: 1, b: 1 }), 0.5, 1)).toThrow(
    '2 examples are too few to hold any out: give a dev file',
  );
  for (const ratio of [0, 1, -1, Number.NaN])
    expect(() => splitOff(examplesOf({ a: 9 }), ratio, 1)).toThrow('it must be between 0 and 1');
});
