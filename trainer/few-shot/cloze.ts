/**
 * Classification as filling in a blank (PET, https://arxiv.org/abs/2001.07676): a template with a mask, and for each label
 * the word of the vocabulary (the verbalizer) that a masked-language head shall put there.
 */
import * as z from 'zod';
import { VeneerError } from '../../functions/error.ts';
import type { Tokenizer } from '../../functions/tokenizer/tokenizer.ts';
import { parseTemplate } from './template.ts';

/** As a run's manifest has it. */
export const Cloze = z.object({
  template: z.string(),
  /** Of the mask among a window's tokens; below 0: from the end. */
  place: z.number().int(),
  /** The token of each label's word. */
  words: z.array(z.number().int().nonnegative()),
});
export type Cloze = z.infer<typeof Cloze>;

/** The word of each label. */
export type Verbalizer = Readonly<Record<string, string>>;

interface ClozeArguments {
  template: string;
  verbalizer: Verbalizer;
  /** In the order of the logits. */
  labels: readonly string[];
  tokenizer: Tokenizer;
}

/** @throws VeneerError `usage` for a label without a word, a word without a label, of several tokens, or there twice. */
export function clozeOf({ template, verbalizer, labels, tokenizer }: ClozeArguments): Cloze {
  const { place, isSpaced } = parseTemplate(template, tokenizer);
  const refuse = (what: string) => new VeneerError('usage', `--verbalizer: ${what}`);
  const stranger = Object.keys(verbalizer).find(label => !labels.includes(label));
  if (stranger !== undefined)
    throw refuse(
      `${JSON.stringify(stranger)} is no label: the train split has ${labels.slice(0, 10).join(', ')}${labels.length > 10 ? ', ...' : ''}`,
    );
  const owners = new Map<number, string>();
  const words = labels.map(label => {
    if (!Object.hasOwn(verbalizer, label))
      throw refuse(`label ${JSON.stringify(label)} has no word: say ${label}=WORD`);
    const word = verbalizer[label]!;
    const { ids } = tokenizer.encode(isSpaced ? ` ${word}` : word);
    const [id] = ids;
    if (ids.length !== 1)
      throw refuse(
        `${JSON.stringify(word)} (of label ${label}) is ${ids.length} tokens of this base (${Array.from(ids, each => tokenizer.piece(each)).join(' ')}): name a word that is one`,
      );
    if (id === tokenizer.unkId)
      throw refuse(`${JSON.stringify(word)} (of label ${label}) is not in the vocabulary of this base`);
    const owner = owners.get(id!);
    if (owner !== undefined) throw refuse(`${JSON.stringify(word)} is the word of ${owner} and of ${label}`);
    owners.set(id!, label);
    return id!;
  });
  return { template, place, words };
}
