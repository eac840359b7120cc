/** The best IOB2 sequence against an exhaustive search, and the entities that tags spell. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { decodeTags, entitiesOf } from '../../functions/tasks/iob.ts';

const labelSets = [
  ['O', 'B-x', 'I-x'],
  ['O', 'B-x', 'I-x', 'B-y', 'I-y'],
  ['I-x', 'B-x', 'O'],
  ['I-a-b', 'I-a', 'B-a', 'O', 'B-a-b'],
  ['B-x', 'I-x'],
];

/** Written from the definition: an I- tag continues a B- or I- tag of its own type. */
function isValid(tags: readonly string[]): boolean {
  return tags.every(
    (tag, i) => !tag.startsWith('I-') || [`B-${tag.slice(2)}`, tag].includes(tags[i - 1] ?? ''),
  );
}

function allSequences(labels: readonly string[], length: number): number[][] {
  if (length === 0) return [[]];
  return allSequences(labels, length - 1).flatMap(start => labels.map((_, tag) => [...start, tag]));
}

const scoreOf = (rows: readonly number[][], path: ArrayLike<number>) =>
  rows.reduce((sum, row, word) => sum + row[path[word]!]!, 0);
const rowsOf = (labels: readonly string[], score: fc.Arbitrary<number>, maxLength: number) =>
  fc.array(fc.array(score, { minLength: labels.length, maxLength: labels.length }), { maxLength });

describe.each(labelSets.map(labels => [labels.join(' '), labels] as const))('of tags %s', (_, labels) => {
  const named = (path: Iterable<number>) => Array.from(path, tag => labels[tag]!);

  test('decoding finds the best of all valid sequences', () => {
    fc.assert(
      fc.property(rowsOf(labels, fc.double({ min: -20, max: 20, noNaN: true }), 4), rows => {
        const path = decodeTags(rows, labels);
        const best = Math.max(
          ...allSequences(labels, rows.length)
            .filter(tags => isValid(named(tags)))
            .map(tags => scoreOf(rows, tags)),
        );
        expect(scoreOf(rows, path)).toBeCloseTo(best, 9);
      }),
    );
  });

  test('decoding gives one tag a word and never an invalid sequence, also where probabilities are zero', () => {
    const score = fc.oneof(
      fc.double({ min: -1e4, max: 1e4, noNaN: true }),
      fc.constant(0),
      fc.constant(-Infinity),
    );
    fc.assert(
      fc.property(rowsOf(labels, score, 30), rows => {
        const tags = named(decodeTags(rows, labels));
        expect(tags).toHaveLength(rows.length);
        expect(isValid(tags), tags.join(' ')).toBe(true);
      }),
    );
  });

  test('decoding a valid sequence that is certain gives it back', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(labels.length - 1), { maxLength: 20 }), path => {
        fc.pre(isValid(named(path)));
        const rows = path.map(tag => labels.map((_, other) => (other === tag ? 0 : -Infinity)));
        expect([...decodeTags(rows, labels)]).toEqual(path);
      }),
    );
  });
});

test('an impossible word does not spoil the words around it', () => {
  const [O, B, I] = [0, 1, 2];
  const rows = [
    [-9, 0, -9],
    [-Infinity, -Infinity, -Infinity],
    [-9, 0, -9],
    [-9, -9, 0],
  ];
  const path = decodeTags(rows, ['O', 'B-x', 'I-x']);
  expect([path[0], path[2], path[3]]).toEqual([B, B, I]);
  expect([O, B, I]).toContain(path[1]);
});

test('one word may be nothing but the start of an entity', () => {
  expect([...decodeTags([[0, 1, 100]], ['O', 'B-x', 'I-x'])]).toEqual([1]);
});

test('no words have no tags, no tags have no entities', () => {
  expect([...decodeTags([], ['O', 'B-x', 'I-x'])]).toEqual([]);
  expect(entitiesOf([])).toEqual([]);
  expect(entitiesOf(['O', 'O'])).toEqual([]);
});

test('entities are runs of words, neighbours of one type kept apart', () => {
  expect(entitiesOf(['B-x', 'I-x', 'B-x', 'O', 'B-a-b', 'I-a-b', 'I-a-b'])).toEqual([
    { type: 'x', first: 0, last: 1 },
    { type: 'x', first: 2, last: 2 },
    { type: 'a-b', first: 4, last: 6 },
  ]);
});

test('entities and tags say the same', () => {
  const labels = ['O', 'B-x', 'I-x', 'B-y', 'I-y'];
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...labels), { maxLength: 20 }), tags => {
      fc.pre(isValid(tags));
      const spelled = tags.map(() => 'O');
      for (const { type, first, last } of entitiesOf(tags))
        for (let word = first; word <= last; word++) spelled[word] = `${word === first ? 'B' : 'I'}-${type}`;
      expect(spelled).toEqual(tags);
    }),
  );
});
