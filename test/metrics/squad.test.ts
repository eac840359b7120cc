/** Question answering scores against the SQuAD v2.0 metric of transformers (golden.py). */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import type { AnsweredQuestion } from '../../trainer/metrics/squad.ts';
import { normalizeAnswer, scoreQuestion, scoreQuestions } from '../../trainer/metrics/squad.ts';

type Golden = {
  normalized: [text: string, expected: string][];
  sets: { questions: AnsweredQuestion[]; metrics: Record<string, number> }[];
};
const golden: Golden = JSON.parse(readFileSync(new URL('golden/squad.json', import.meta.url), 'utf8'));

test('answers are normalized as by the official script, in any script', () => {
  for (const [text, expected] of golden.normalized)
    expect(normalizeAnswer(text), JSON.stringify(text)).toBe(expected);
});

describe('scores are those of the official script', () => {
  test.each(golden.sets)('set %#', ({ questions, metrics }) => {
    const found = scoreQuestions(questions);
    expect(Object.keys(found).sort()).toEqual(Object.keys(metrics).sort());
    for (const [name, value] of Object.entries(metrics)) expect(found[name], name).toBeCloseTo(value, 10);
  });
});

test('the best of several accepted answers counts', () => {
  expect(scoreQuestion({ gold: ['Paris', 'the city of Paris'], predicted: 'city of paris!' })).toEqual({
    exactMatch: 1,
    f1: 1,
  });
  expect(scoreQuestion({ gold: ['x', 'x y'], predicted: 'y z' })).toEqual({ exactMatch: 0, f1: 0.5 });
});

test('an unanswerable question is right only where nothing is answered', () => {
  expect(scoreQuestions([{ gold: [], predicted: '' }])).toEqual({
    exact_match: 100,
    f1: 100,
    exact_match_no_answer: 100,
    f1_no_answer: 100,
  });
  expect(scoreQuestion({ gold: [], predicted: 'x' })).toEqual({ exactMatch: 0, f1: 0 });
  expect(scoreQuestion({ gold: ['x'], predicted: '' })).toEqual({ exactMatch: 0, f1: 0 });
});

test('repeated words count as often as both sides have them', () => {
  expect(scoreQuestion({ gold: ['b b c'], predicted: 'b b b' }).f1).toBeCloseTo(2 / 3, 12);
});

test('no questions give no figures', () => {
  expect(scoreQuestions([])).toEqual({});
});
