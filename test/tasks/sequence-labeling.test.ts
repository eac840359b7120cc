/** Sequence labeling: tags of words out of logits of tokens, across windows, with entities in the text's own offsets. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { softmax } from '../../functions/tasks/probability.ts';
import { type EncodedLabeling, sequenceLabeling } from '../../functions/tasks/sequence-labeling.ts';
import type { TaskContext } from '../../functions/tasks/task.ts';
import { fakeTokenizer } from './tokenizer.ts';

const labels = ['O', 'B-LOC', 'I-LOC', 'B-PER', 'I-PER'];
/** Tokens of up to two characters that lose every `~`. */
const context: TaskContext = { tokenizer: fakeTokenizer(/[^\s~]{1,2}/gu), labels, maxLength: 16, stride: 4 };

type TagOfToken = (token: number) => number[];

/** Logits of every window from logits of tokens of the whole text; special tokens shout a wrong tag. */
function logitsOf({ windows }: EncodedLabeling, ofToken: TagOfToken): Float32Array[] {
  return windows.map(({ ids, position, first, count }) => {
    const rows = Array.from(ids, (_, at) =>
      at >= position && at < position + count ? ofToken(first + at - position) : [0, 0, 50, 0, 0],
    );
    return Float32Array.from(rows.flat());
  });
}

const towards = (tag: string, by = 10) => labels.map(label => (label === tag ? by : 0));

test('a word has the tag of its first token, whatever its other tokens say', () => {
  const text = 'in Amsterdam now';
  const encoded = sequenceLabeling.encode({ text }, context);
  const start = context.tokenizer.encode(text).starts.indexOf(3);
  const logits = logitsOf(encoded, token =>
    towards(token === start ? 'B-LOC' : token < start ? 'O' : 'B-PER'),
  );
  const output = sequenceLabeling.decode(encoded, logits, context);
  expect(output.tags).toEqual(['O', 'B-LOC', 'B-PER']);
  expect(
    output.entities.map(({ entityGroup, word, start: from, end }) => [entityGroup, word, from, end]),
  ).toEqual([
    ['LOC', 'Amsterdam', 3, 12],
    ['PER', 'now', 13, 16],
  ]);
});

test('an entity of several words spans the text between them; its score is the mean probability of its tags', () => {
  const text = 'from New  York-City!';
  const byCharacter = { ...context, tokenizer: fakeTokenizer(/\S/gu), maxLength: 64 };
  const encoded = sequenceLabeling.encode({ text }, byCharacter);
  const tags = ['O', 'B-LOC', 'I-LOC', 'I-LOC', 'I-LOC', 'O'];
  const strengths = [1, 2, 3, 4, 5, 1];
  const wordOf = new Map(Array.from(encoded.firstTokens, (token, word) => [token, word]));
  const logits = logitsOf(encoded, token => {
    const word = wordOf.get(token);
    return word === undefined ? towards('O') : towards(tags[word]!, strengths[word]!);
  });
  const { entities, words } = sequenceLabeling.decode(encoded, logits, byCharacter);
  expect(words.map(({ start, end }) => text.slice(start, end))).toEqual([
    'from',
    'New',
    'York',
    '-',
    'City',
    '!',
  ]);
  expect(entities).toHaveLength(1);
  const [entity] = entities;
  expect(entity).toMatchObject({ entityGroup: 'LOC', word: 'New  York-City', start: 5, end: 19 });
  const probability = (strength: number) => Math.exp(strength) / (Math.exp(strength) + labels.length - 1);
  const expected = [2, 3, 4, 5].map(probability).reduce((a, b) => a + b) / 4;
  expect(entity!.score).toBeCloseTo(expected, 6);
});

test('a word without tokens is outside, and ends an entity', () => {
  const text = 'Ann ~ Bo';
  const encoded = sequenceLabeling.encode({ text }, context);
  expect(encoded.firstTokens[1]).toBe(-1);
  const logits = logitsOf(encoded, token => towards(token === 0 ? 'B-PER' : 'I-PER'));
  const { tags } = sequenceLabeling.decode(encoded, logits, context);
  expect(tags.slice(0, 2)).toEqual(['B-PER', 'O']);
  expect(tags[2]).not.toBe('I-PER');
});

test('an I- tag that nothing begins is made valid', () => {
  const encoded = sequenceLabeling.encode({ text: 'a b' }, context);
  const logits = logitsOf(encoded, token => (token === 0 ? [1, 3, 9, 0, 0] : towards('I-LOC')));
  expect(sequenceLabeling.decode(encoded, logits, context).tags).toEqual(['B-LOC', 'I-LOC']);
});

test('logits so far apart that probabilities are zero still order the tags that remain', () => {
  const encoded = sequenceLabeling.encode({ text: 'a b' }, context);
  const logits = logitsOf(encoded, token => (token === 0 ? [-9e3, -1e3, 9e3, -9e3, -9e3] : towards('B-PER')));
  expect(sequenceLabeling.decode(encoded, logits, context).tags).toEqual(['B-LOC', 'B-PER']);
});

test('no text has no words', () => {
  const encoded = sequenceLabeling.encode({ text: '' }, context);
  expect(encoded.windows).toHaveLength(1);
  expect(
    sequenceLabeling.decode(
      encoded,
      logitsOf(encoded, () => []),
      context,
    ),
  ).toEqual({
    entities: [],
    words: [],
    tags: [],
  });
});

test('windows of a long text give the same as one long window', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', '.', '中', '~'), minLength: 1, maxLength: 5 });
  const texts = fc.array(word, { maxLength: 40 }).map(words => words.join(' '));
  const logit = fc.double({ min: -5, max: 5, noNaN: true });
  fc.assert(
    fc.property(texts, fc.array(logit, { minLength: 31, maxLength: 31 }), (text, values) => {
      const ofToken = (token: number) =>
        labels.map((_, i) => values[(token * labels.length + i) % values.length]!);
      const [short, long] = [context, { ...context, maxLength: 1000 }].map(each => {
        const encoded = sequenceLabeling.encode({ text }, each);
        return sequenceLabeling.decode(encoded, logitsOf(encoded, ofToken), each);
      });
      expect(short).toEqual(long);
      expect(short!.tags).toHaveLength(short!.words.length);
    }),
  );
});

test('where windows disagree, the one with more context decides', () => {
  const text = 'a '.repeat(16).trim();
  const encoded = sequenceLabeling.encode({ text }, context);
  expect(encoded.windows.map(({ first, count }) => [first, count])).toEqual([
    [0, 14],
    [10, 6],
  ]);
  const logits = encoded.windows.map(({ ids }, index) =>
    Float32Array.from([...ids].flatMap(() => towards(index === 0 ? 'B-LOC' : 'B-PER'))),
  );
  const { tags } = sequenceLabeling.decode(encoded, logits, context);
  // Token 12 has 1 token after it in the first window and 2 before it in the second.
  expect(tags.join(' ')).toBe([...new Array(12).fill('B-LOC'), ...new Array(4).fill('B-PER')].join(' '));
});

test('entities lie in the text, in order, apart, with scores that are probabilities', () => {
  const logit = fc.double({ min: -9, max: 9, noNaN: true });
  fc.assert(
    fc.property(
      fc.string({ unit: 'grapheme', maxLength: 60 }),
      fc.array(logit, { minLength: 37, maxLength: 37 }),
      (text, values) => {
        const encoded = sequenceLabeling.encode({ text }, context);
        const ofToken = (token: number) => labels.map((_, i) => values[(token * 5 + i) % values.length]!);
        const { entities, tags } = sequenceLabeling.decode(encoded, logitsOf(encoded, ofToken), context);
        let end = 0;
        for (const entity of entities) {
          expect(entity.start).toBeGreaterThanOrEqual(end);
          expect(entity.word).toBe(text.slice(entity.start, entity.end));
          expect(entity.word).not.toBe('');
          expect(entity.score).toBeGreaterThan(0);
          expect(entity.score).toBeLessThanOrEqual(1 + 1e-12);
          ({ end } = entity);
        }
        expect(entities).toHaveLength(tags.filter(tag => tag.startsWith('B-')).length);
      },
    ),
  );
});

test('the score of one word is the probability of its tag', () => {
  const encoded = sequenceLabeling.encode({ text: 'Rome' }, context);
  const row = [0.3, 2, -1, 0.5, 0];
  const { entities } = sequenceLabeling.decode(
    encoded,
    logitsOf(encoded, () => row),
    context,
  );
  expect(entities[0]!.score).toBeCloseTo(softmax(Float32Array.from(row))[1]!, 12);
});
