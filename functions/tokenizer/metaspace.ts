/** Metaspace: a visible mark for each space, one in front of the text, and words that begin at each mark. */
import * as z from 'zod/mini';
import { parseSpec, unsupported } from './spec.ts';
import type { Rewrite, StageType } from './stage.ts';

const Spec = z.strictObject({
  type: z.literal('Metaspace'),
  replacement: z.string().check(z.refine(text => [...text].length === 1, 'one character')),
  add_prefix_space: z.nullish(z.boolean()),
  prepend_scheme: z._default(z.enum(['first', 'never', 'always']), 'always'),
  split: z.nullish(z.boolean()),
  str_rep: z.nullish(z.string()),
});

interface Config {
  mark: number;
  prepend: 'first' | 'never' | 'always';
  split: boolean;
}

export const metaspace: StageType<Rewrite> = {
  compile(json): Config {
    const spec = parseSpec(Spec, json, 'pre_tokenizer');
    const { add_prefix_space: prefix, prepend_scheme: scheme } = spec;
    const declared = typeof json === 'object' && json !== null && 'prepend_scheme' in json;
    if (prefix === false && declared && scheme !== 'never')
      throw unsupported('pre_tokenizer.prepend_scheme', 'it contradicts add_prefix_space');
    return {
      mark: spec.replacement.codePointAt(0)!,
      prepend: prefix === false ? 'never' : scheme,
      split: spec.split ?? true,
    };
  },
  open({ mark, prepend, split }: Config) {
    return draft => {
      const { points, starts, ends } = draft.text;
      const { spans } = draft;
      const output = draft.blankText();
      const words = draft.blankSpans();
      for (let span = 0; span < spans.length; span++) {
        const from = spans.froms[span]!;
        const to = spans.tos[span]!;
        const id = spans.ids[span]!;
        let word = output.length;
        if (id < 0) {
          const marked = points[from] === mark || points[from] === 0x20;
          const wanted = prepend === 'always' || (prepend === 'first' && starts[from] === 0);
          if (wanted && !marked) output.push(mark, starts[from]!, ends[from]!);
        }
        for (let i = from; i < to; i++) {
          const point = points[i] === 0x20 && id < 0 ? mark : points[i]!;
          if (point === mark && split && id < 0 && output.length > word) {
            words.push(word, output.length, -1);
            word = output.length;
          }
          output.push(point, starts[i]!, ends[i]!);
        }
        words.push(word, output.length, id);
      }
      draft.swapText();
      draft.swapSpans();
    };
  },
};
