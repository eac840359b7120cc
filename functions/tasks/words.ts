/**
 * Words of a text for sequence labeling, independent of the tokenizer: runs of letters, marks and digits; every other
 * visible character, and every ideograph, by itself with its marks. A word is labelled at its first token.
 */
import type { Encoding } from '../tokenizer/tokenizer.ts';

export interface Word {
  /** UTF-16 offsets into the text. */
  start: number;
  end: number;
}

const ideograph = '\\p{Script=Han}\\p{Script=Hiragana}\\p{Script=Katakana}\\p{Script=Thai}';
/** Control and format characters, such as joiners of emoji and zero-width spaces. */
const invisible = '\\p{Cc}\\p{Cf}';
const pattern = new RegExp(
  `[${ideograph}]\\p{M}*|(?:(?![${ideograph}])[\\p{L}\\p{N}\\p{M}])+|[^\\s\\p{L}\\p{N}\\p{M}${invisible}]\\p{M}*`,
  'gu',
);

export function wordsOf(text: string): Word[] {
  return Array.from(text.matchAll(pattern), match => ({
    start: match.index,
    end: match.index + match[0].length,
  }));
}

/**
 * Index of the first token that overlaps each word; -1 where no token does (characters the tokenizer drops). An empty
 * token overlaps nothing: a space that byte-level tokenizers put before a word, and left out of the offsets.
 */
export function firstTokens(words: readonly Word[], { starts, ends }: Encoding): Int32Array {
  let token = 0;
  return Int32Array.from(words, ({ start, end }) => {
    while (token < starts.length && (ends[token]! <= start || starts[token] === ends[token])) token++;
    return token < starts.length && starts[token]! < end ? token : -1;
  });
}
