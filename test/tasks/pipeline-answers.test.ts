/**
 * Answers as transformers' pipeline gives them, against its definition worked out for every span; against transformers
 * itself: test/golden/pipelines.test.ts.
 */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type PipelineAnswersOptions, pipelineAnswers } from '../../functions/tasks/pipeline-answers.ts';
import type { TaskContext } from '../../functions/tasks/task.ts';
import { fakeTokenizer } from './tokenizer.ts';

const labels = ['start', 'end'];
const context: TaskContext = { tokenizer: fakeTokenizer(), labels, maxLength: 24, stride: 6 };
const defaults: PipelineAnswersOptions = {
  topK: 1,
  maxAnswerTokens: 15,
  allowNone: false,
  alignToWords: false,
};
const encode = (text: string) => pipelineAnswers.encode({ question: 'who is it', context: text }, context);
type Encoded = ReturnType<typeof encode>;

/** Logits of every window out of one function; the question and the separators shout. */
function logitsOf({ windows }: Encoded, logit: (token: number, which: 0 | 1, window: number) => number) {
  return windows.map(({ ids, position, first, count }, window) =>
    Float32Array.from(
      Array.from(ids, (_, at) => {
        const inside = at >= position && at < position + count;
        const token = at === 0 ? -1 : first + at - position;
        return inside || at === 0 ? [logit(token, 0, window), logit(token, 1, window)] : [99, 99];
      }).flat(),
    ),
  );
}

const value = fc.double({ min: -20, max: 20, noNaN: true });

test('of one window, scores are products of probabilities over the context and [CLS]', () => {
  const words = 'a b c d e f';
  const encoded = encode(words);
  const values = fc.array(fc.tuple(value, value), { minLength: 7, maxLength: 7 });
  fc.assert(
    fc.property(values, fc.integer({ min: 1, max: 6 }), (rows, maxAnswerTokens) => {
      const logits = logitsOf(encoded, (token, which) => rows[token + 1]![which]);
      const share = (token: number, which: 0 | 1) =>
        Math.exp(rows[token + 1]![which]) / rows.reduce((sum, row) => sum + Math.exp(row[which]), 0);
      const spans = [{ answer: '', score: share(-1, 0) * share(-1, 1) }];
      for (let first = 0; first < 6; first++)
        for (let last = first; last < Math.min(6, first + maxAnswerTokens); last++)
          spans.push({
            answer: words.slice(2 * first, 2 * last + 1),
            score: share(first, 0) * share(last, 1),
          });
      const wanted = spans.sort((a, b) => b.score - a.score).slice(0, 4);
      const answers = pipelineAnswers.decode(encoded, logits, context, {
        ...defaults,
        ...{ topK: 4, maxAnswerTokens, allowNone: true },
      });
      expect(answers.map(({ score }) => score)).toEqual(
        wanted.map(({ score }) => expect.toSatisfy((ours: number) => Math.abs(ours / score - 1) < 1e-4)),
      );
      for (const { answer, start, end } of answers) expect(answer).toBe(words.slice(start, end));
    }),
  );
});

test('equal answers are one, with the sum of their scores, whatever their case', () => {
  const encoded = encode('Oslo and oslo');
  const logits = logitsOf(
    encoded,
    (token, which) => (token === 0 ? Math.log(4) : token === 2 ? Math.log(2) : -99) / (which + 1),
  );
  const [answer, ...others] = pipelineAnswers.decode(encoded, logits, context, {
    ...defaults,
    topK: 9,
    maxAnswerTokens: 1,
  });
  // Starts 4 : 2, ends 2 : sqrt 2; the context alone counts, [CLS] being -99.
  const [a, b] = [(4 / 6) * (2 / (2 + Math.SQRT2)), (2 / 6) * (Math.SQRT2 / (2 + Math.SQRT2))];
  expect(answer).toEqual({ answer: 'Oslo', score: expect.closeTo(a + b, 5), start: 0, end: 4 });
  expect(others.every(({ answer }) => answer.toLowerCase() !== 'oslo')).toBe(true);
});

test('an answer is widened to whole words where asked, and spans that become the same are added up', () => {
  const tokenizer = fakeTokenizer(/\S/gu);
  const text = 'ab cd';
  const byCharacter = {
    ...tokenizer,
    encode: (given: string) => ({
      ...tokenizer.encode(given),
      words: Int32Array.from(given.replaceAll(' ', ''), (_, i) => i >> 1),
    }),
  };
  const own = { ...context, tokenizer: byCharacter };
  const encoded = pipelineAnswers.encode({ question: 'wh', context: text }, own);
  // b starts and ends; a does by half.
  const logits = logitsOf(encoded, token => (token === 1 ? Math.log(2) : token === 0 ? 0 : -99));
  const answer = (alignToWords: boolean) =>
    pipelineAnswers.decode(encoded, logits, own, { ...defaults, alignToWords })[0];
  expect(answer(false)).toEqual({ answer: 'b', score: expect.closeTo(4 / 9, 5), start: 1, end: 2 });
  // a, b and ab: 1/9, 4/9 and 1/3 * 2/3.
  expect(answer(true)).toEqual({ answer: 'ab', score: expect.closeTo(7 / 9, 5), start: 0, end: 2 });
});

test('each window is a distribution of its own, and "none" is as probable as the window that says so least', () => {
  const words = Array.from({ length: 40 }, (_, i) => `w${i}`).join(' ');
  const encoded = encode(words);
  expect(encoded.windows.length).toBeGreaterThan(2);
  // The last window is sure of its last word; each window gives [CLS] as much as every token.
  const logits = logitsOf(encoded, token => (token === 39 ? 30 : 0));
  const [best, ...rest] = pipelineAnswers.decode(encoded, logits, context, {
    ...defaults,
    topK: 500,
    allowNone: true,
  });
  expect(best).toMatchObject({ answer: 'w39', score: expect.closeTo(1, 9) });
  const none = rest.find(({ answer }) => answer === '')!;
  expect(none).toMatchObject({ start: 0, end: 0 });
  expect(none.score).toBeLessThan(1e-20);
});

test('an empty context has no answer but "none"', () => {
  const encoded = encode('');
  const logits = logitsOf(encoded, () => 1);
  expect(pipelineAnswers.decode(encoded, logits, context, defaults)).toEqual([]);
  expect(pipelineAnswers.decode(encoded, logits, context, { ...defaults, allowNone: true })).toEqual([
    { answer: '', score: 1, start: 0, end: 0 },
  ]);
});

test('extreme logits give finite scores', () => {
  const encoded = encode('a b c d');
  for (const [high, low] of [
    [1e4, -1e4],
    [3, -100],
    [-1e4, -1e4],
  ] as const) {
    const logits = logitsOf(encoded, token => (token === 2 ? high : low));
    const options = { ...defaults, topK: 20, allowNone: true };
    for (const { score } of pipelineAnswers.decode(encoded, logits, context, options)) {
      expect(score).toBeGreaterThanOrEqual(0);
      expect(score).toBeLessThanOrEqual(1);
    }
  }
});
