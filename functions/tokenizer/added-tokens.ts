/**
 * Added tokens: texts such as "[SEP]" or "<mask>" that are one token wherever they are written, found before the text
 * is normalized (or after, where the token says so) and before the model sees it, as the Rust library does.
 */
import * as z from 'zod/mini';

export const AddedToken = z.strictObject({
  id: z.int().check(z.nonnegative()),
  content: z.string(),
  single_word: z.boolean(),
  lstrip: z.boolean(),
  rstrip: z.boolean(),
  normalized: z.boolean(),
  special: z.boolean(),
});
export type AddedToken = z.infer<typeof AddedToken>;

/** A piece of text in UTF-16 units; `id` is -1 where it is no added token. */
export interface Cut {
  from: number;
  to: number;
  id: number;
}

const wordCharacter = String.raw`[\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\p{Join_Control}]`;
const startsWithWord = new RegExp(`^${wordCharacter}`, 'u');
const endsWithWord = new RegExp(`${wordCharacter}$`, 'u');
const isSpace = /^\p{White_Space}$/u;

/**
 * Cuts texts at the leftmost, there longest, of these tokens.
 * @returns a function that gives the pieces in order, or undefined where the text has none of the tokens
 */
export function addedTokenCutter(
  tokens: readonly AddedToken[],
): ((text: string) => Cut[] | undefined) | undefined {
  const byContent = new Map(tokens.filter(token => token.content).map(token => [token.content, token]));
  if (byContent.size === 0) return;
  const longestFirst = [...byContent.keys()].sort((a, b) => b.length - a.length);
  const pattern = new RegExp(longestFirst.map(escaped).join('|'), 'gu');

  return text => {
    let cuts: Cut[] | undefined;
    let done = 0;
    for (const match of text.matchAll(pattern)) {
      const token = byContent.get(match[0])!;
      let from = match.index;
      let to = from + match[0].length;
      if (token.single_word && touchesWord(text, from, to)) continue;
      if (token.lstrip) {
        while (from > 0 && isSpace.test(text[from - 1]!)) from--;
        from = Math.max(from, done);
      }
      if (token.rstrip) while (to < text.length && isSpace.test(text[to]!)) to++;
      cuts ??= [];
      if (done < from) cuts.push({ from: done, to: from, id: -1 });
      cuts.push({ from, to, id: token.id });
      done = to;
    }
    if (cuts && done < text.length) cuts.push({ from: done, to: text.length, id: -1 });
    return cuts;
  };
}

function touchesWord(text: string, from: number, to: number) {
  return (
    endsWithWord.test(text.slice(Math.max(0, from - 2), from)) || startsWithWord.test(text.slice(to, to + 2))
  );
}

const escaped = (text: string) => text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`);
