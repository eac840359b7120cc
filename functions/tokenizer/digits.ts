/** Digits: a number is a word of its own, as a run of digits or digit by digit. */
import * as z from 'zod/mini';
import { codePoints, readPointTable, writePointTable } from './point-table.ts';
import { parseSpec } from './spec.ts';
import type { Rewrite, StageType } from './stage.ts';
import { property } from './unicode.ts';

const Spec = z.strictObject({ type: z.literal('Digits'), individual_digits: z.boolean() });

interface Config {
  individual: boolean;
}

export const digits: StageType<Rewrite> = {
  compile(json, write): Config {
    const { individual_digits: individual } = parseSpec(Spec, json, 'pre_tokenizer');
    const numeric = new Uint8Array(codePoints);
    numeric.set(property('numeric'));
    writePointTable(write, 'numeric', numeric);
    return { individual };
  },
  open({ individual }: Config, section) {
    const { pages, cells } = readPointTable(section, 'u8', 'numeric');
    const isNumeric = (point: number) => cells[(pages[point >>> 7]! << 7) | (point & 127)] === 1;
    return draft => {
      const { text, spans } = draft;
      const words = draft.blankSpans();
      for (let span = 0; span < spans.length; span++) {
        const [from, to, id] = [spans.froms[span]!, spans.tos[span]!, spans.ids[span]!];
        let word = from;
        for (let i = from + 1; i < to && id < 0; i++) {
          const numeric = isNumeric(text.points[i]!);
          if (numeric === isNumeric(text.points[i - 1]!) && !(numeric && individual)) continue;
          words.push(word, i, -1);
          word = i;
        }
        words.push(word, to, id);
      }
      draft.swapSpans();
    };
  },
};
