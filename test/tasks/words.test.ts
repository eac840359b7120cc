/** Words of texts in several scripts, and the first token of each. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { firstTokens, wordsOf } from '../../functions/tasks/words.ts';
import { fakeTokenizer } from './tokenizer.ts';

const spelled = (text: string) => wordsOf(text).map(({ start, end }) => text.slice(start, end));

test.each<[string, string, string[]]>([
  ['nothing', '', []],
  ['white space', ' \t\n\u00a0\u3000', []],
  ['English', "Ms. Smith's 3.5 kg", ['Ms', '.', 'Smith', "'", 's', '3', '.', '5', 'kg']],
  ['letters and digits together', 'A4 covid19', ['A4', 'covid19']],
  ['Chinese', '我住在北京2024年。', ['我', '住', '在', '北', '京', '2024', '年', '。']],
  ['Chinese beside Latin', 'iPhone手机', ['iPhone', '手', '机']],
  ['Japanese', '東京タワーです', ['東', '京', 'タ', 'ワ', 'ー', 'で', 'す']],
  ['an ideograph beyond the BMP', 'a𠀀b', ['a', '𠀀', 'b']],
  ['Korean, by spaces', '서울은 크다', ['서울은', '크다']],
  ['Hebrew with points', 'שָׁלוֹם עולם', ['שָׁלוֹם', 'עולם']],
  ['Hindi', 'नमस्ते दुनिया', ['नमस्ते', 'दुनिया']],
  ['Thai, by character with its marks', 'ที่นี่', ['ที่', 'นี่']],
  ['combining accents', 'cafe\u0301 nai\u0308ve', ['cafe\u0301', 'nai\u0308ve']],
  ['precomposed accents', 'café', ['café']],
  [
    'a URL',
    'https://a-b.example/x?y=1',
    ['https', ':', '/', '/', 'a', '-', 'b', '.', 'example', '/', 'x', '?', 'y', '=', '1'],
  ],
  ['an address', 'jo@ex.org', ['jo', '@', 'ex', '.', 'org']],
  ['emoji', 'ok 👍😀', ['ok', '👍', '😀']],
  ['an emoji with a variation selector', 'I ❤\ufe0f NY', ['I', '❤\ufe0f', 'NY']],
  ['a family of emoji, whose joiners are no words', '👨\u200d👩', ['👨', '👩']],
  ['what cannot be seen', 'a\u200bb\ufeffc\u0000d', ['a', 'b', 'c', 'd']],
  ['a lone surrogate', 'a \ud800 b', ['a', '\ud800', 'b']],
])('%s', (_, text, words) => {
  expect(spelled(text)).toEqual(words);
});

test('words are in order, apart, and leave out only white space and invisible characters', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary', maxLength: 40 }), text => {
      let end = 0;
      const outside: string[] = [];
      for (const word of wordsOf(text)) {
        expect(word.end).toBeGreaterThan(word.start);
        expect(word.start).toBeGreaterThanOrEqual(end);
        outside.push(text.slice(end, word.start));
        end = word.end;
      }
      outside.push(text.slice(end));
      expect(outside.join('').replace(/[\s\p{Cc}\p{Cf}]/gu, '')).toBe('');
    }),
  );
});

test('joining words by spaces and splitting again gives the same words', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme', maxLength: 30 }), text => {
      const words = spelled(text);
      expect(spelled(words.join(' '))).toEqual(words);
    }),
  );
});

test('the first token of a word is the first that overlaps it', () => {
  fc.assert(
    fc.property(
      fc.string({ unit: fc.constantFrom('a', 'b', ' ', '.', '中'), maxLength: 30 }),
      fc.integer({ min: 1, max: 3 }),
      (text, size) => {
        // Tokens of up to `size` characters that lose every `b`, as tokenizers lose characters.
        const encoding = fakeTokenizer(new RegExp(`[^b\\s]{1,${size}}`, 'gu')).encode(text);
        const words = wordsOf(text);
        const expected = words.map(({ start, end }) =>
          encoding.starts.findIndex((from, token) => from < end && encoding.ends[token]! > start),
        );
        expect([...firstTokens(words, encoding)]).toEqual(expected);
      },
    ),
  );
});

test('a word without a token is -1 and does not shift the next', () => {
  const text = 'a bb c';
  expect([...firstTokens(wordsOf(text), fakeTokenizer(/[^b\s]/gu).encode(text))]).toEqual([0, -1, 1]);
});

test('a token that begins with a space is of the word after it', () => {
  const text = 'ab  cd.ef';
  expect([...firstTokens(wordsOf(text), fakeTokenizer(/\s?[a-z]|\W/gu).encode(text))]).toEqual([0, 3, 5, 6]);
});

test('an empty token is of no word', () => {
  // As byte-level tokenizers give it: a space put before the word and trimmed off again, and then the word.
  const encoding = {
    ids: Int32Array.of(5, 6, 7),
    starts: Int32Array.of(1, 0, 2),
    ends: Int32Array.of(1, 1, 3),
    words: Int32Array.of(0, 1, 1),
  };
  expect([...firstTokens(wordsOf('中 a'), encoding)]).toEqual([1, 2]);
});

test('a token over two words is the first of both', () => {
  const text = 'a.b';
  expect([...firstTokens(wordsOf(text), fakeTokenizer().encode(text))]).toEqual([0, 0, 0]);
});
