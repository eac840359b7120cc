/** When two versions' outputs count as the same answer, by hand for each task and shape of output. */
import { describe, expect, test } from 'vitest';
import { VeneerError } from '../../functions/error.ts';
import { type Agreement, agreementOf } from '../../functions/tasks/agreement.ts';

const same = (scoreDifference: number): Agreement => ({
  agree: true,
  scoreDifference: expect.closeTo(scoreDifference, 9),
});
const other = (scoreDifference: number): Agreement => ({ ...same(scoreDifference), agree: false });

describe('classification', () => {
  const output = (scores: Record<string, number>, labels: string[]) => ({
    ranked: Object.entries(scores)
      .map(([label, score]) => ({ label, score }))
      .sort((a, b) => b.score - a.score),
    labels,
  });

  test.each<[string, object, object, Agreement]>([
    [
      'one label, another order behind it',
      output({ a: 0.8, b: 0.15, c: 0.05 }, ['a']),
      output({ a: 0.6, c: 0.3, b: 0.1 }, ['a']),
      same(0.2),
    ],
    ['another label', output({ a: 0.8, b: 0.2 }, ['a']), output({ a: 0.4, b: 0.6 }, ['b']), other(0.4)],
    ['a label that one side does not know', output({ a: 1 }, ['a']), output({ b: 1 }, ['b']), other(1)],
    [
      'the same labels',
      output({ a: 0.9, b: 0.7 }, ['a', 'b']),
      output({ b: 0.9, a: 0.8 }, ['b', 'a']),
      same(0.2),
    ],
    [
      'one label fewer',
      output({ a: 0.9, b: 0.6 }, ['a', 'b']),
      output({ a: 0.9, b: 0.4 }, ['a']),
      other(0.2),
    ],
    ['no label on either side', output({ a: 0.1 }, []), output({ a: 0.4 }, []), same(0.3)],
    ['a number', output({ LABEL_0: 3.5 }, []), output({ LABEL_0: 1.25 }, []), same(2.25)],
    // biome-ignore format: a table
  ])('%s', (_what, live, candidate, expected) => {
    expect(agreementOf('classification', live, candidate)).toEqual(expected);
    expect(agreementOf('classification', candidate, live)).toEqual(expected);
  });
});

describe('sequence labeling', () => {
  const entity = (entityGroup: string, start: number, end: number, score: number) => ({
    ...{ entityGroup, start, end, score },
    word: 'x',
  });
  const ours = (...entities: object[]) => ({ entities, words: [], tags: [] });
  const theirs = (...entities: ReturnType<typeof entity>[]) =>
    entities.map(({ entityGroup, ...place }) => ({ label: entityGroup, ...place }));

  test.each<[string, unknown, unknown, Agreement]>([
    ['nothing found', ours(), ours(), same(0)],
    [
      'the same',
      ours(entity('PER', 0, 3, 0.9), entity('LOC', 5, 9, 0.5)),
      ours(entity('PER', 0, 3, 0.8), entity('LOC', 5, 9, 0.9)),
      same(0.4),
    ],
    ['another end', ours(entity('PER', 0, 3, 0.9)), ours(entity('PER', 0, 4, 0.9)), other(0.9)],
    ['another type', ours(entity('PER', 0, 3, 0.9)), ours(entity('LOC', 0, 3, 0.7)), other(0.9)],
    ['one more', ours(), ours(entity('PER', 0, 3, 0.6)), other(0.6)],
    ['a pipeline’s shape', theirs(entity('PER', 0, 3, 0.9)), theirs(entity('PER', 0, 3, 0.7)), same(0.2)],
    // biome-ignore format: a table
  ])('%s', (_what, live, candidate, expected) => {
    expect(agreementOf('sequence-labeling', live, candidate)).toEqual(expected);
    expect(agreementOf('sequence-labeling', candidate, live)).toEqual(expected);
  });
});

test('question answering compares the best answer, and no answer is one', () => {
  const answer = (start: number, end: number, score: number) => ({ answer: 'x', start, end, score });
  const compare = (live: object[], candidate: object[]) => agreementOf('question-answering', live, candidate);
  expect(compare([answer(2, 5, 0.9)], [answer(2, 5, 0.6), answer(0, 1, 0.3)])).toEqual(same(0.3));
  expect(compare([answer(2, 5, 0.9)], [answer(0, 0, 0.7)])).toEqual(other(0.9));
  expect(compare([answer(0, 0, 0.5)], [answer(0, 0, 0.5)])).toEqual(same(0));
  expect(compare([], [answer(1, 2, 0.5)])).toEqual(other(0.5));
  expect(compare([], [])).toEqual(same(0));
});

test('two refusals agree, one does not', () => {
  const refusal = new VeneerError('invalid_request', 'too long');
  const output = { ranked: [{ label: 'a', score: 1 }], labels: ['a'] };
  expect(agreementOf('classification', refusal, refusal)).toEqual(same(0));
  expect(agreementOf('classification', refusal, output)).toEqual(other(0));
  expect(agreementOf('classification', output, refusal)).toEqual(other(0));
});
