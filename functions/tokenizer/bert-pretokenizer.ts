/** BertPreTokenizer: words are what stands between white space, and every punctuation character is one of its own. */
import * as z from 'zod/mini';
import { codePoints, readPointTable, writePointTable } from './point-table.ts';
import { parseSpec } from './spec.ts';
import type { Rewrite, StageType } from './stage.ts';
import { property } from './unicode.ts';

const Spec = z.strictObject({ type: z.literal('BertPreTokenizer') });

const whitespace = 1;
const punctuation = 2;

export const bertPreTokenizer: StageType<Rewrite> = {
  compile(json, write) {
    parseSpec(Spec, json, 'pre_tokenizer');
    const classes = new Uint8Array(codePoints);
    for (const [point, is] of property('punctuation').entries()) if (is) classes[point] = punctuation;
    for (const [point, is] of property('whitespace').entries()) if (is) classes[point] = whitespace;
    writePointTable(write, 'classes', classes);
    return {};
  },
  open(_config, section) {
    const { pages, cells } = readPointTable(section, 'u8', 'classes');
    return draft => {
      const { text, spans } = draft;
      const { points } = text;
      const words = draft.blankSpans();
      for (let span = 0; span < spans.length; span++) {
        const to = spans.tos[span]!;
        let from = spans.froms[span]!;
        if (spans.ids[span]! >= 0) {
          words.push(from, to, spans.ids[span]!);
          continue;
        }
        for (let i = from; i < to; i++) {
          const point = points[i]!;
          const kind = cells[(pages[point >>> 7]! << 7) | (point & 127)]!;
          if (kind === 0) continue;
          if (from < i) words.push(from, i, -1);
          if (kind === punctuation) words.push(i, i + 1, -1);
          from = i + 1;
        }
        if (from < to) words.push(from, to, -1);
      }
      draft.swapSpans();
    };
  },
};
