/** Holding out a dev split: sizes, determinism, strata, and nothing on both sides. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ClassificationExample, LabelingExample, QuestionExample } from '../../trainer/data/dataset.ts';
import { holdOut, splitOff } from '../../trainer/data/holdout.ts';
import { labelsOf, tagsOf } from '../../trainer/data/labels.ts';

const examplesOf = (counts: Record<string, number>): ClassificationExample[] =>
  Object.entries(counts).flatMap(([label, count]) =>
    Array.from({ length: count }, (_, index) => ({
      text: `${label} ${index}`,
      labels: [label],
      where: `f:${index}`,
    })),
  );

test('every label gives its share, and all keep their file order', () => {
  const examples = examplesOf({ a: 50, b: 30, c: 20 });
  const { train, dev } = splitOff(examples, 0.1, 1);
  expect(['a', 'b', 'c'].map(label => dev.filter(example => example.labels[0] === label).length)).toEqual([
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
    labels: fc.constantFrom('a', 'b', 'c').map(label => [label]),
    where: fc.constant('f:1'),
  });
  fc.assert(
    fc.property(
      fc.array(example, { minLength: 4, maxLength: 60 }),
      fc.double({ min: 0.05, max: 0.9 }),
      fc.integer(),
      (examples, ratio, seed) => {
        // Some text can go: each of its labels has an example with another text.
        const mayGo = (text: string) =>
          examples
            .filter(e => e.text === text)
            .every(({ labels: [label] }) => examples.some(e => e.text !== text && e.labels[0] === label));
        fc.pre(examples.some(({ text }) => mayGo(text)));
        const { train, dev } = splitOff(examples, ratio, seed);
        expect(train.length + dev.length).toBe(examples.length);
        expect(dev.length).toBeGreaterThan(0);
        expect(labelsOf(train)).toEqual(labelsOf(examples));
        const texts = new Set(train.map(({ text }) => text));
        expect(dev.filter(({ text }) => texts.has(text))).toEqual([]);
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

const whole = (examples: ClassificationExample[]) => ({ examples, skipped: [], digest: 'd' });

test('dev and test are shares of all, of each label alike, and no example is lost or twice there', () => {
  const examples = examplesOf({ a: 60, b: 40 });
  const { train, dev, test } = holdOut({ train: whole(examples) }, { dev: 0.1, test: 0.2 }, 5);
  expect([train, dev, test].map(split => split?.examples.length)).toEqual([70, 10, 20]);
  for (const [split, counts] of [
    [dev, [6, 4]],
    [test, [12, 8]],
  ] as const)
    expect(
      ['a', 'b'].map(label => split!.examples.filter(({ labels }) => labels[0] === label).length),
    ).toEqual(counts);
  const texts = [train, dev, test].flatMap(split => split!.examples.map(({ text }) => text));
  expect([...texts].sort()).toEqual(examples.map(({ text }) => text).sort());
  expect(holdOut({ train: whole(examples) }, { dev: 0.1, test: 0.2 }, 5).dev).toEqual(dev);
});

test('a text with two labels, and examples with several labels, are on one side; every label stays in train', () => {
  const examples: ClassificationExample[] = Array.from({ length: 60 }, (_, index) => ({
    text: `t${index % 30}`,
    labels: index < 30 ? ['a'] : ['b', `rare ${index % 3}`],
    where: `f:${index}`,
  }));
  for (let seed = 0; seed < 10; seed++) {
    const { train, dev } = splitOff(examples, 0.3, seed);
    expect(dev.length).toBeGreaterThan(15);
    const texts = new Set(train.map(({ text }) => text));
    expect(dev.filter(({ text }) => texts.has(text))).toEqual([]);
    expect(labelsOf(train)).toEqual(labelsOf(examples));
  }
});

test('a split that is there already is not held out again', () => {
  const train = whole(examplesOf({ a: 20 }));
  expect(() => holdOut({ train, dev: train }, { dev: 0.1 }, 1)).toThrow(
    'the data set has a dev split of its own',
  );
  expect(() => holdOut({ train, test: train }, { dev: 0.1, test: 0.1 }, 1)).toThrow(
    'has a test split of its own',
  );
  expect(holdOut({ train, test: train }, { dev: 0.1 }, 1).test).toBe(train);
});
