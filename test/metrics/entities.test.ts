/** Entity scores against seqeval in strict IOB2 mode (golden.py). */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { entitiesOf, scoreEntities } from '../../trainer/metrics/entities.ts';

type Scores = [precision: number, recall: number, f1: number, support: number];
type Golden = { gold: string[]; predicted: string[]; micro: Scores; perType: Record<string, Scores> };
const golden: Golden[] = JSON.parse(readFileSync(new URL('golden/entities.json', import.meta.url), 'utf8'));

test('scores are those of seqeval', () => {
  expect(golden.length).toBeGreaterThan(30);
  for (const [index, { gold, predicted, micro, perType }] of golden.entries()) {
    const split = (sentences: string[]) => sentences.map(tags => tags.split(' '));
    const score = scoreEntities(split(gold), split(predicted));
    const { precision, recall, f1 } = score.metrics;
    for (const [at, value] of [precision, recall, f1].entries())
      expect(value, `case ${index}`).toBeCloseTo(micro[at]!, 12);
    expect(Object.keys(score.perType).sort()).toEqual(Object.keys(perType).sort());
    for (const [type, expected] of Object.entries(perType)) {
      const found = score.perType[type]!;
      for (const [at, value] of [found.precision, found.recall, found.f1, found.support].entries())
        expect(value, `case ${index}, ${type}`).toBeCloseTo(expected[at]!, 12);
    }
  }
});

test('only a B- starts an entity', () => {
  expect(entitiesOf(['I-X', 'B-X', 'I-X', 'I-Y', 'I-Y', 'B-Y', 'B-Y', 'O', 'I-Y'])).toEqual([
    { type: 'X', start: 1, end: 3 },
    { type: 'Y', start: 5, end: 6 },
    { type: 'Y', start: 6, end: 7 },
  ]);
});

test('no entity anywhere gives zeros', () => {
  expect(scoreEntities([['O']], [['O']])).toEqual({
    metrics: { precision: 0, recall: 0, f1: 0 },
    perType: {},
  });
});

test('predictions of another length are a fault of the caller', () => {
  expect(() => scoreEntities([['O', 'O']], [['O']])).toThrow('1 tags for 2 words');
  expect(() => scoreEntities([['O']], [])).toThrow('0 of 1 sentences');
});
