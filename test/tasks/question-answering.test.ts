/** Question answering: the best spans over all windows against an exhaustive search, and when there is no answer. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type EncodedQuestion, questionAnswering } from '../../functions/tasks/question-answering.ts';
import type { TaskContext } from '../../functions/tasks/task.ts';
import { fakeTokenizer } from './tokenizer.ts';

const context: TaskContext = {
  tokenizer: fakeTokenizer(),
  labels: ['start', 'end'],
  maxLength: 24,
  stride: 6,
};
const defaults = { topK: 1, maxAnswerTokens: 15, allowNone: false };
const wordsOf = (count: number) => Array.from({ length: count }, (_, i) => `w${i}`);
const encode = (count: number) =>
  questionAnswering.encode({ question: 'who is it', context: wordsOf(count).join(' ') }, context);

interface Logits {
  /** Of token `token` of the context as window `window` sees it. */
  start(token: number, window: number): number;
  end(token: number, window: number): number;
  /** Of [CLS] in a window: start, end. */
  none?(window: number): [number, number];
}

/** The question's tokens and the separators shout, and must not be heard. */
function logitsOf(
  { windows }: EncodedQuestion,
  { start, end, none = () => [-5, -5] }: Logits,
): Float32Array[] {
  return windows.map(({ ids, position, first, count }, window) =>
    Float32Array.from(
      Array.from(ids, (_, at) => {
        const token = first + at - position;
        if (at === 0) return none(window);
        return at >= position && at < position + count
          ? [start(token, window), end(token, window)]
          : [99, 99];
      }).flat(),
    ),
  );
}

const at =
  (place: number, height = 10) =>
  (token: number) =>
    token === place ? height : 0;
const only =
  (which: number, height = 10) =>
  (_: number, window: number) =>
    window === which ? height : 0;

test('a planted span is found wherever it is, in one window or many, with its offsets in the context', () => {
  const spans = fc
    .tuple(fc.integer({ min: 1, max: 80 }), fc.nat(79), fc.nat(5))
    .filter(([count, first, more]) => first + more < count);
  fc.assert(
    fc.property(spans, ([count, first, more]) => {
      const encoded = encode(count);
      const logits = logitsOf(encoded, { start: at(first), end: at(first + more) });
      const [answer] = questionAnswering.decode(encoded, logits, context, defaults);
      expect(answer!.answer).toBe(
        wordsOf(count)
          .slice(first, first + more + 1)
          .join(' '),
      );
      expect(encoded.context.slice(answer!.start, answer!.end)).toBe(answer!.answer);
      expect(answer!.score).toBeGreaterThan(0);
      expect(answer!.score).toBeLessThanOrEqual(1);
    }),
  );
});

test('an answer does not begin with the space that its first token begins with', () => {
  const spaced = { ...context, tokenizer: fakeTokenizer(/\s*\S+/gu) };
  const encoded = questionAnswering.encode({ question: 'who', context: 'it was \n ada  lovelace' }, spaced);
  const logits = logitsOf(encoded, { start: at(2), end: at(3) });
  const [answer] = questionAnswering.decode(encoded, logits, spaced, defaults);
  expect(answer).toMatchObject({ answer: 'ada  lovelace', start: 9, end: 22 });
});

const numbers = fc.array(fc.double({ min: -8, max: 8, noNaN: true }), { minLength: 53, maxLength: 53 });

test('answers are the best of all spans of all windows, each span once, best first', () => {
  const options = fc.record({
    topK: fc.integer({ min: 1, max: 8 }),
    maxAnswerTokens: fc.integer({ min: 1, max: 30 }),
    allowNone: fc.boolean(),
  });
  fc.assert(
    fc.property(fc.nat(60), numbers, options, (count, values, chosen) => {
      const encoded = encode(count);
      const pick = (token: number, window: number) => values[(7 * token + 3 * window) % values.length]!;
      const logits = logitsOf(encoded, {
        start: pick,
        end: (t, w) => pick(t + 20, w),
        none: w => [pick(1, w), pick(2, w)],
      });
      const answers = questionAnswering.decode(encoded, logits, context, chosen);

      const scores = new Map<string, number>();
      encoded.windows.forEach(({ position, first, count: held }, window) => {
        for (let s = 0; s < held; s++)
          for (let e = s; e < Math.min(held, s + chosen.maxAnswerTokens); e++) {
            const text = wordsOf(count)
              .slice(first + s, first + e + 1)
              .join(' ');
            const score = logits[window]![2 * (position + s)]! + logits[window]![2 * (position + e) + 1]!;
            // Adding 0 makes 0 of -0.
            scores.set(text, Math.max(score, scores.get(text) ?? -Infinity) + 0);
          }
      });
      if (chosen.allowNone) scores.set('', Math.min(...logits.map(row => row[0]! + row[1]!)) + 0);
      const best = [...scores.values()].sort((a, b) => b - a).slice(0, chosen.topK);
      expect(answers.map(({ answer }) => scores.get(answer))).toEqual(best);
      expect(new Set(answers.map(({ start, end }) => `${start} ${end}`)).size).toBe(answers.length);
      expect(answers.reduce((sum, { score }) => sum + score, 0)).toBeLessThanOrEqual(1 + 1e-9);
      for (const { score } of answers) expect(score).toBeGreaterThan(0);
    }),
  );
});

test('an answer is found also where every likely start comes after every likely end', () => {
  const wide = { ...context, maxLength: 128 };
  const encoded = questionAnswering.encode({ question: 'who', context: wordsOf(90).join(' ') }, wide);
  expect(encoded.windows).toHaveLength(1);
  const logits = logitsOf(encoded, { start: token => token / 10, end: token => -token / 10 });
  expect(questionAnswering.decode(encoded, logits, wide, defaults)).toHaveLength(1);
});

test('no answer is longer than asked for', () => {
  const encoded = encode(12);
  const logits = logitsOf(encoded, { start: at(2), end: at(6) });
  const answerWith = (maxAnswerTokens: number) =>
    questionAnswering.decode(encoded, logits, context, { ...defaults, maxAnswerTokens })[0]!.answer;
  expect(answerWith(5)).toBe('w2 w3 w4 w5 w6');
  expect(answerWith(4).split(' ').length).toBeLessThanOrEqual(4);
  expect(answerWith(1).split(' ')).toHaveLength(1);
});

test('the score is the probability of start and end over all windows', () => {
  const encoded = encode(3);
  const logits = logitsOf(encoded, {
    start: token => Math.log([1, 6, 3][token]!),
    end: token => Math.log([1, 1, 8][token]!),
  });
  const answers = questionAnswering.decode(encoded, logits, context, { ...defaults, topK: 2 });
  expect(answers.map(({ answer, score }) => [answer, score])).toEqual([
    ['w1 w2', expect.closeTo(0.6 * 0.8, 6)],
    ['w2', expect.closeTo(0.3 * 0.8, 6)],
  ]);
});

test('a span that two windows hold is answered once, with the better of its scores', () => {
  const encoded = encode(40);
  const shared = encoded.windows[1]!.first;
  expect(shared).toBeLessThan(encoded.windows[0]!.count);
  const start = (token: number, window: number) => (token === shared ? 8 + window : 0);
  const answers = questionAnswering.decode(encoded, logitsOf(encoded, { start, end: at(shared) }), context, {
    ...defaults,
    topK: 5,
  });
  expect(answers.filter(({ answer }) => answer === `w${shared}`)).toHaveLength(1);
  expect(answers[0]!.answer).toBe(`w${shared}`);
});

describe('"no answer"', () => {
  const encoded = encode(40);
  const spans = { start: at(3, 4), end: at(3, 4) };
  const decode = (none: Logits['none'], allowNone = true) =>
    questionAnswering.decode(encoded, logitsOf(encoded, { ...spans, ...(none && { none }) }), context, {
      ...defaults,
      allowNone,
    })[0]!;

  test('is given where [CLS] scores above every span in every window', () => {
    const answer = decode(() => [6, 6]);
    expect(answer).toMatchObject({ answer: '', start: 0, end: 0 });
    expect(answer.score).toBeGreaterThan(0);
    expect(answer.score).toBeLessThanOrEqual(1);
  });

  test('is not given where one window is sure that there is one', () => {
    expect(encoded.windows.length).toBeGreaterThan(1);
    const low = only(1, -20);
    expect(decode(window => [6 + low(0, window), 6])).toMatchObject({ answer: 'w3' });
  });

  test('is never given where the adapter has not learned it', () => {
    expect(decode(() => [90, 90], false).answer).toBe('w3');
  });

  test('is all there is to say about an empty context', () => {
    const empty = encode(0);
    const logits = logitsOf(empty, { start: () => 0, end: () => 0 });
    expect(questionAnswering.decode(empty, logits, context, defaults)).toEqual([]);
    expect(questionAnswering.decode(empty, logits, context, { ...defaults, allowNone: true })).toEqual([
      { answer: '', score: expect.closeTo(1, 9), start: 0, end: 0 },
    ]);
  });
});

test.each([
  ['far apart', 1e4],
  ['all equal', 0],
])('logits %s give a probability', (_, height) => {
  const encoded = encode(50);
  const logits = logitsOf(encoded, {
    start: at(20, height),
    end: at(21, height),
    none: () => [-height, -height],
  });
  for (const allowNone of [false, true])
    for (const { score } of questionAnswering.decode(encoded, logits, context, {
      ...defaults,
      topK: 3,
      allowNone,
    })) {
      expect(score).toBeGreaterThanOrEqual(0);
      expect(score).toBeLessThanOrEqual(1 + 1e-12);
    }
});

test('a question that fills the window is an error with numbers', () => {
  const act = () =>
    questionAnswering.encode({ question: wordsOf(22).join(' '), context: wordsOf(50).join(' ') }, context);
  expect(act).toThrow(
    '22 tokens beside the text leave 0 of 24 for a window with stride 6: shorten the question',
  );
});
