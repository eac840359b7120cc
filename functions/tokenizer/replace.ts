/** Replace: a literal text, or a run of one character (` {2,}`), becomes another text. Other expressions are refused. */
import * as z from 'zod/mini';
import { parseSpec, unsupported } from './spec.ts';
import type { Rewrite, StageType } from './stage.ts';

const Spec = z.strictObject({
  type: z.literal('Replace'),
  pattern: z.union([
    z.strictObject({ String: z.string().check(z.minLength(1)) }),
    z.strictObject({ Regex: z.string().check(z.minLength(1)) }),
  ]),
  content: z.string(),
});

/** One character that means itself, at least so many times. */
const run = /^([^\\^$.|?*+()[\]{}])\{(\d{1,4}),\}$/u;

interface Config {
  pattern: number[];
  /** Take as many more of the pattern's last character as there are. */
  greedy: boolean;
  content: number[];
}

const pointsOf = (text: string) => Array.from(text, character => character.codePointAt(0)!);

export const replace: StageType<Rewrite> = {
  compile(json): Config {
    const { pattern, content: text } = parseSpec(Spec, json, 'normalizer');
    const content = pointsOf(text);
    if ('String' in pattern) return { pattern: pointsOf(pattern.String), greedy: false, content };
    const [, character = '', least = '0'] = run.exec(pattern.Regex) ?? [];
    if (Number(least) < 1)
      throw unsupported('normalizer.pattern.Regex', `${JSON.stringify(pattern.Regex)} is unknown`);
    return { pattern: pointsOf(character.repeat(Number(least))), greedy: true, content };
  },
  open({ pattern, greedy, content }: Config) {
    return draft => {
      const { points, starts, ends, length } = draft.text;
      const matchEnd = (at: number) => {
        for (let k = 0; k < pattern.length; k++)
          if (points[at + k] !== pattern[k] || at + k >= length) return at;
        let end = at + pattern.length;
        while (greedy && end < length && points[end] === pattern.at(-1)) end++;
        return end;
      };
      const output = draft.blankText();
      output.reserve(length);
      for (let i = 0; i < length; ) {
        const end = points[i] === pattern[0] ? matchEnd(i) : i;
        if (end === i) output.push(points[i]!, starts[i]!, ends[i++]!);
        else {
          // All of the new text stands at the place of the last character that was replaced.
          for (const point of content) output.push(point, starts[end - 1]!, ends[end - 1]!);
          i = end;
        }
      }
      draft.swapText();
    };
  },
};
