/**
 * Entities by the aggregation strategies of transformers, on cases small enough to work out by hand; against transformers
 * itself: test/golden/pipelines.test.ts.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  aggregationStrategies,
  type PipelineEntitiesOptions,
  pipelineEntities,
} from '../../functions/tasks/pipeline-entities.ts';
import type { TaskContext } from '../../functions/tasks/task.ts';
import { fakeTokenizer } from './tokenizer.ts';

const labels = ['O', 'B-LOC', 'I-LOC', 'B-PER', 'I-PER'];
/** Tokens of up to two characters. */
const context: TaskContext = { tokenizer: fakeTokenizer(/\S{1,2}/gu), labels, maxLength: 18, stride: 4 };

/** Logits whose softmax is the given probabilities; what is left of 1 is shared. */
function rowOf(probabilities: Record<string, number>): number[] {
  const given = Object.values(probabilities).reduce((sum, p) => sum + p, 0);
  const rest = (1 - given) / (labels.length - Object.keys(probabilities).length);
  return labels.map(label => Math.log(probabilities[label] ?? rest));
}

function decode(text: string, rows: number[][], options: Partial<PipelineEntitiesOptions>) {
  const encoded = pipelineEntities.encode({ text }, context);
  const logits = encoded.windows.map(({ ids, position, first, count }) => {
    const inWindow = Array.from(ids, (_, at) =>
      at >= position && at < position + count ? rows[first + at - position]! : [0, 50, 0, 0, 0],
    );
    return Float32Array.from(inWindow.flat());
  });
  return pipelineEntities.decode(encoded, logits, context, { ignoreLabels: ['O'], ...options });
}

/** Tokens: ab cd | ef gh */
const text = 'abcd efgh';
const rows = [
  rowOf({ 'B-LOC': 0.5, 'B-PER': 0.3 }),
  rowOf({ 'B-PER': 0.9 }),
  rowOf({ 'I-PER': 0.6 }),
  rowOf({ O: 0.7 }),
];
const close = (value: number) => expect.closeTo(value, 5);

describe('a strategy', () => {
  test('none gives every token', () => {
    expect(decode(text, rows, { strategy: 'none', ignoreLabels: [] })).toEqual([
      { label: 'B-LOC', score: close(0.5), index: 1, word: 'ab', start: 0, end: 2 },
      { label: 'B-PER', score: close(0.9), index: 2, word: 'cd', start: 2, end: 4 },
      { label: 'I-PER', score: close(0.6), index: 3, word: 'ef', start: 5, end: 7 },
      { label: 'O', score: close(0.7), index: 4, word: 'gh', start: 7, end: 9 },
    ]);
  });

  test('simple joins tokens of a type, where none begins anew', () => {
    expect(decode(text, rows, { strategy: 'simple' })).toEqual([
      { label: 'LOC', score: close(0.5), word: 'ab', start: 0, end: 2 },
      { label: 'PER', score: close(0.75), word: 'cd ef', start: 2, end: 7 },
    ]);
  });

  test('first takes a word for what its first token is', () => {
    expect(decode(text, rows, { strategy: 'first' })).toEqual([
      { label: 'LOC', score: close(0.5), word: 'abcd', start: 0, end: 4 },
      { label: 'PER', score: close(0.6), word: 'efgh', start: 5, end: 9 },
    ]);
  });

  test('max takes a word for what its surest token is', () => {
    expect(decode(text, rows, { strategy: 'max', ignoreLabels: [] })).toEqual([
      { label: 'PER', score: close(0.9), word: 'abcd', start: 0, end: 4 },
      { label: 'O', score: close(0.7), word: 'efgh', start: 5, end: 9 },
    ]);
  });

  test('average takes a word for what its tokens are on average', () => {
    // B-PER: (0.3 + 0.9) / 2; O: (0.1 + 0.7) / 2.
    expect(decode(text, rows, { strategy: 'average', ignoreLabels: [] })).toEqual([
      { label: 'PER', score: close(0.6), word: 'abcd', start: 0, end: 4 },
      { label: 'O', score: close(0.4), word: 'efgh', start: 5, end: 9 },
    ]);
  });

  test('left out gives IOB2 entities over words, less the ignored types', () => {
    // B-PER I-PER is more probable than B-LOC with anything that may follow it.
    expect(decode(text, rows, {})).toMatchObject([{ label: 'PER', word: text }]);
    expect(decode(text, rows, { ignoreLabels: ['PER'] })).toEqual([]);
    expect(decode(text, rows, { ignoreLabels: [] })).toEqual(decode(text, rows, {}));
  });

  test('of equally probable labels takes the first', () => {
    const equal = [rowOf({}), rowOf({}), rowOf({}), rowOf({})];
    for (const strategy of aggregationStrategies.filter(name => name !== 'none'))
      expect(decode(text, equal, { strategy, ignoreLabels: [] })).toEqual([
        { label: 'O', score: close(0.2), word: text, start: 0, end: 9 },
      ]);
  });
});

test('where pieces inside a word are marked, a piece that is shorter or longer than its text continues the word', () => {
  // Of [ab, ##cd], as a vocabulary writes them, and a piece that is unknown.
  const pieces = new Map([
    [0, 'ab'],
    [1, '##cd'],
    [2, '##ef'],
    [3, '##gh'],
  ]);
  const tokenizer = {
    ...fakeTokenizer(),
    encode: () => ({
      ids: Int32Array.of(0, 1, 2, 3),
      starts: Int32Array.of(0, 2, 5, 7),
      ends: Int32Array.of(2, 4, 7, 9),
      words: Int32Array.of(0, 0, 1, 1),
    }),
    unkId: 2,
    continuingPrefix: '##',
    piece: (id: number) => pieces.get(id)!,
  };
  const encoded = pipelineEntities.encode({ text }, { ...context, tokenizer });
  const logits = [Float32Array.from([labels.map(() => 0), ...rows, labels.map(() => 0)].flat())];
  const answer = (strategy: 'first' | 'none') =>
    pipelineEntities.decode(encoded, logits, { ...context, tokenizer }, { strategy, ignoreLabels: [] });
  expect(answer('first').map(({ word }) => word)).toEqual(['abcd', 'efgh']);
  expect(answer('none').map(({ word }) => word)).toEqual(['ab', '##cd', 'ef', '##gh']);
});

describe('several windows', () => {
  const long = 'ab '.repeat(30).trim();
  const loc = rowOf({ 'I-LOC': 0.9 });

  test('give each token once, by the window that shows most around it', () => {
    const entities = decode(long, Array(30).fill(loc), { strategy: 'none' });
    expect(entities.map(({ index }) => index)).toEqual(Array.from({ length: 30 }, (_, i) => i + 1));
    expect(entities.map(({ start }) => start)).toEqual(Array.from({ length: 30 }, (_, i) => 3 * i));
  });

  test('give of overlapping entities the longest', () => {
    // 16 tokens a window, 4 of them shared: 0-15, 12-27, 24-29.
    const only = (from: number, to: number) =>
      Array.from({ length: 30 }, (_, i) => (i >= from && i <= to ? loc : rowOf({ O: 0.9 })));
    const found = (rows: number[][]) =>
      decode(long, rows, { strategy: 'simple' }).map(({ start, end }) => [start / 3, (end - 2) / 3]);
    expect(found(only(13, 14))).toEqual([[13, 14]]);
    expect(found(only(14, 20))).toEqual([[14, 20]]);
    expect(found(only(5, 13))).toEqual([[5, 13]]);
  });

  test('never give entities that overlap, nor scores that are no probabilities', () => {
    const row = fc.array(fc.double({ min: -1e4, max: 1e4, noNaN: true }), { minLength: 5, maxLength: 5 });
    const many = fc.array(row, { minLength: 30, maxLength: 30 });
    fc.assert(
      fc.property(many, fc.constantFrom(...aggregationStrategies), (rows, strategy) => {
        const entities = decode(long, rows, { strategy, ignoreLabels: [] });
        expect(entities.length).toBeGreaterThan(0);
        entities.forEach(({ score, start, end, word }, i) => {
          expect(score).toBeGreaterThan(0);
          expect(score).toBeLessThanOrEqual(1 + 1e-12);
          expect(start).toBeGreaterThanOrEqual(i === 0 ? 0 : entities[i - 1]!.end);
          expect(word).toBe(long.slice(start, end));
        });
      }),
    );
  });
});

test('a text without tokens has no entities', () => {
  for (const strategy of aggregationStrategies)
    expect(decode(' ', [], { strategy, ignoreLabels: [] })).toEqual([]);
});
