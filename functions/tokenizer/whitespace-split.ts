/** WhitespaceSplit: words are what stands between white space. */
import * as z from 'zod/mini';
import { codePoints, readPointTable, writePointTable } from './point-table.ts';
import { parseSpec } from './spec.ts';
import type { Rewrite, StageType } from './stage.ts';
import { property } from './unicode.ts';

const Spec = z.strictObject({ type: z.literal('WhitespaceSplit') });

export const whitespaceSplit: StageType<Rewrite> = {
  compile(json, write) {
    parseSpec(Spec, json, 'pre_tokenizer');
    const classes = new Uint8Array(codePoints);
    classes.set(property('whitespace'));
    writePointTable(write, 'whitespace', classes);
    return {};
  },
  open(_config, section) {
    const { pages, cells } = readPointTable(section, 'u8', 'whitespace');
    return draft => {
      const { text, spans } = draft;
      const words = draft.blankSpans();
      for (let span = 0; span < spans.length; span++) {
        const to = spans.tos[span]!;
        let from = spans.froms[span]!;
        if (spans.ids[span]! >= 0) {
          words.push(from, to, spans.ids[span]!);
          continue;
        }
        for (let i = from; i < to; i++) {
          const point = text.points[i]!;
          if (cells[(pages[point >>> 7]! << 7) | (point & 127)] === 0) continue;
          if (from < i) words.push(from, i, -1);
          from = i + 1;
        }
        if (from < to) words.push(from, to, -1);
      }
      draft.swapSpans();
    };
  },
};
