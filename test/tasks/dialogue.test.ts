/** Questions over a conversation: where an answer is, and that it never spans or holds a speaker mark. */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { joinTurns, type Turn, turnsOfTokens } from '../../functions/tasks/dialogue.ts';
import { pipelineAnswers } from '../../functions/tasks/pipeline-answers.ts';
import { questionAnswering } from '../../functions/tasks/question-answering.ts';
import type { TaskContext } from '../../functions/tasks/task.ts';
import { fakeTokenizer } from './tokenizer.ts';

const taskContext: TaskContext = {
  tokenizer: fakeTokenizer(),
  labels: ['start', 'end'],
  maxLength: 24,
  stride: 6,
};
const options = { topK: 5, maxAnswerTokens: 10, allowNone: false };
const parcel: Turn[] = [
  { speaker: 'customer', text: 'where is it' },
  { speaker: 'agent', text: 'it left Lisbon on Monday' },
  { speaker: 'customer', text: 'thanks' },
];

test('turns are lines with their speaker, whose mark is no part of them', () => {
  const { context, places } = joinTurns(parcel);
  expect(context).toBe('customer: where is it\nagent: it left Lisbon on Monday\ncustomer: thanks');
  expect(places.map(({ start, end }) => context.slice(start, end))).toEqual(parcel.map(({ text }) => text));
});

describe('tokens of turns', () => {
  const turnsOf = (turns: Turn[], pattern?: RegExp) => {
    const { context, places } = joinTurns(turns);
    const encoding = fakeTokenizer(pattern).encode(context);
    return [...turnsOfTokens(encoding, context, places)];
  };

  test('words', () => {
    expect(turnsOf(parcel)).toEqual([-1, 0, 0, 0, -1, 1, 1, 1, 1, 1, -1, 2]);
  });

  test('that begin with the space before their word, also that of the mark', () => {
    expect(turnsOf(parcel, /\s*\S+/gu)).toEqual([-1, 0, 0, 0, -1, 1, 1, 1, 1, 1, -1, 2]);
  });

  test('that go over from a turn to the next mark, or from a mark into a turn, are of none', () => {
    expect(
      turnsOf(
        [
          { speaker: 'a', text: 'b' },
          { speaker: 'c', text: 'd' },
        ],
        /a|: b\nc|: d/gu,
      ),
    ).toEqual([-1, -1, -1]);
  });

  test('empty turns have none', () => {
    expect(
      turnsOf([
        { speaker: 'a', text: '' },
        { speaker: 'b', text: 'x' },
        { speaker: 'a', text: '' },
      ]),
    ).toEqual([-1, -1, 1, -1]);
  });
});

/** Logits of every token, by its place in the context. */
function decode(
  turns: Turn[],
  logit: (token: number, side: 0 | 1) => number,
  task: 'ours' | 'pipeline' = 'ours',
) {
  const encoded = questionAnswering.encode({ question: 'who is it', context: turns }, taskContext);
  const logits = encoded.windows.map(({ ids, position, first, count }) =>
    Float32Array.from(
      Array.from(ids, (_, at) =>
        at >= position && at < position + count
          ? [logit(first + at - position, 0), logit(first + at - position, 1)]
          : [-5, -5],
      ).flat(),
    ),
  );
  return task === 'ours'
    ? questionAnswering.decode(encoded, logits, taskContext, options)
    : pipelineAnswers.decode(encoded, logits, taskContext, { ...options, alignToWords: true });
}

describe.each(['ours', 'pipeline'] as const)('an answer (%s)', task => {
  test('is traced to its turn and the offsets inside it', () => {
    // Tokens 7 to 9: Lisbon on Monday.
    const [best] = decode(parcel, (token, side) => (token === (side === 0 ? 7 : 9) ? 10 : 0), task);
    expect(best).toMatchObject({ answer: 'Lisbon on Monday', turn: 1, start: 8, end: 24 });
    expect(parcel[1]!.text.slice(best!.start, best!.end)).toBe(best!.answer);
  });

  test('does not go from one turn into the next, however much the model wants it', () => {
    const answers = decode(parcel, (token, side) => (token === (side === 0 ? 9 : 11) ? 20 : 0), task);
    expect(answers[0]).toMatchObject({ turn: expect.any(Number) });
    for (const { answer, turn } of answers) expect(parcel[turn!]!.text).toContain(answer);
  });

  test('is no speaker, also where a turn looks like a mark', () => {
    const turns = [...parcel, { speaker: 'agent', text: 'hello\nagent: Oslo' }];
    const answers = decode(turns, token => ([0, 4, 10, 12].includes(token) ? 30 : 0), task);
    expect(answers.length).toBeGreaterThan(0);
    for (const { answer, turn, start, end } of answers)
      expect(turns[turn!]!.text.slice(start, end)).toBe(answer);
  });

  test('of any conversation is a piece of the turn that it names', () => {
    const words = fc.array(fc.constantFrom('a:', 'b', 'c:d', '\n', ' '), { maxLength: 8 });
    const turn = fc.record({
      speaker: fc.constantFrom('a', 'b c', 'a: b'),
      text: words.map(each => each.join(' ')),
    });
    fc.assert(
      fc.property(fc.array(turn, { minLength: 1, maxLength: 12 }), fc.integer(), (turns, seed) => {
        const noise = (token: number, side: number) =>
          ((Math.imul(token + 1, seed | 1) >>> (side * 7)) % 97) / 8;
        const answers = decode(turns, noise, task);
        for (const { answer, turn: index, start, end } of answers) {
          expect(turns[index!]!.text.slice(start, end)).toBe(answer);
          expect(end).toBeGreaterThan(start);
        }
        const hasWords = turns.some(({ text }) => text.trim() !== '');
        expect(answers.length > 0).toBe(hasWords);
      }),
    );
  });
});

test('a text has answers without a turn, as ever', () => {
  const encoded = questionAnswering.encode({ question: 'who', context: 'it was ada' }, taskContext);
  const logits = encoded.windows.map(({ ids }) => new Float32Array(2 * ids.length));
  for (const answer of questionAnswering.decode(encoded, logits, taskContext, options))
    expect(answer).not.toHaveProperty('turn');
});

test('no answer is none of a turn', () => {
  const encoded = questionAnswering.encode({ question: 'who', context: parcel }, taskContext);
  const logits = encoded.windows.map(({ ids }) =>
    Float32Array.from({ length: 2 * ids.length }, (_, i) => (i < 2 ? 9 : 0)),
  );
  const [best] = questionAnswering.decode(encoded, logits, taskContext, { ...options, allowNone: true });
  expect(best).toEqual({ answer: '', score: expect.any(Number), start: 0, end: 0 });
});
