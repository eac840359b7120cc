/**
 * ByteLevel: a space in front, GPT-2's words, and every byte of their UTF-8 written as a letter (a space as \u0120), so
 * that a vocabulary of 256 letters and their merges can write every text.
 */
import * as z from 'zod/mini';
import type { Draft } from './draft.ts';
import { openWords, writeWordClasses } from './gpt2-words.ts';
import { parseSpec } from './spec.ts';
import type { Rewrite, StageType } from './stage.ts';

/** `trim_offsets` says something only where this is the post-processor (template.ts). */
export const ByteLevel = z.strictObject({
  type: z.literal('ByteLevel'),
  add_prefix_space: z.boolean(),
  trim_offsets: z.boolean(),
  use_regex: z._default(z.boolean(), true),
});

interface Config {
  prefix: boolean;
  split: boolean;
}

const space = 0x20;

/** Visible bytes of Latin-1 are their own letters; the others follow from U+0100 on. */
const isLetter = (byte: number) =>
  (byte > 0x20 && byte < 0x7f) || (byte > 0xa0 && byte < 0xad) || byte > 0xad;
const others = Array.from({ length: 256 }, (_, byte) => byte).filter(byte => !isLetter(byte));
export const byteLetters = Int32Array.from({ length: 256 }, (_, byte) =>
  isLetter(byte) ? byte : 256 + others.indexOf(byte),
);

export const byteLevel: StageType<Rewrite> = {
  compile(json, write): Config {
    const { add_prefix_space, use_regex } = parseSpec(ByteLevel, json, 'pre_tokenizer');
    if (use_regex) writeWordClasses(write);
    return { prefix: add_prefix_space, split: use_regex };
  },
  open({ prefix, split }: Config, section) {
    const wordEnd = split ? openWords(section) : (_: Int32Array, _from: number, to: number) => to;
    return draft => {
      if (prefix) prependSpaces(draft);
      const { text, spans } = draft;
      const output = draft.blankText();
      const words = draft.blankSpans();
      for (let span = 0; span < spans.length; span++) {
        const to = spans.tos[span]!;
        let from = spans.froms[span]!;
        const id = spans.ids[span]!;
        while (from < to) {
          const first = output.length;
          const end = id < 0 ? wordEnd(text.points, from, to) : to;
          for (; from < end; from++) {
            const [point, start, stop] = [text.points[from]!, text.starts[from]!, text.ends[from]!];
            if (id >= 0) output.push(point, start, stop);
            else if (point < 0x80) output.push(byteLetters[point]!, start, stop);
            else {
              if (point < 0x800) output.push(byteLetters[0xc0 | (point >> 6)]!, start, stop);
              else {
                if (point < 0x10000) output.push(byteLetters[0xe0 | (point >> 12)]!, start, stop);
                else {
                  output.push(byteLetters[0xf0 | (point >> 18)]!, start, stop);
                  output.push(byteLetters[0x80 | ((point >> 12) & 0x3f)]!, start, stop);
                }
                output.push(byteLetters[0x80 | ((point >> 6) & 0x3f)]!, start, stop);
              }
              output.push(byteLetters[0x80 | (point & 0x3f)]!, start, stop);
            }
          }
          words.push(first, output.length, id);
        }
      }
      draft.swapText();
      draft.swapSpans();
    };
  },
};

/** Each span that does not begin with a space gets one, at the place of its first character. */
function prependSpaces(draft: Draft) {
  const { text, spans } = draft;
  const { points, starts, ends } = text;
  const output = draft.blankText();
  const prefixed = draft.blankSpans();
  for (let span = 0; span < spans.length; span++) {
    const [from, to, id] = [spans.froms[span]!, spans.tos[span]!, spans.ids[span]!];
    const first = output.length;
    if (id < 0 && points[from] !== space) output.push(space, starts[from]!, ends[from]!);
    for (let i = from; i < to; i++) output.push(points[i]!, starts[i]!, ends[i]!);
    prefixed.push(first, output.length, id);
  }
  draft.swapText();
  draft.swapSpans();
}
