/**
 * A cloze, `{text} It was [MASK].`: the tokenizer that frames every window of a text by it, so that a long text is cut and
 * the template is not, and where the mask then is.
 */
import { VeneerError } from '../../functions/error.ts';
import type { TemplatePiece, Tokenizer } from '../../functions/tokenizer/tokenizer.ts';

const slot = '{text}';
/** As families write it. */
const masks = ['[MASK]', '<mask>'];

export interface ParsedTemplate {
  tokenizer: Tokenizer;
  /** Of the mask among a window's tokens; below 0: from the end. */
  place: number;
  /** Whether a space is before the mask, which byte-level vocabularies put into the word. */
  isSpaced: boolean;
}

/** @throws VeneerError `usage` where it has not one text and one mask, or the base has no such token. */
export function parseTemplate(template: string, tokenizer: Tokenizer): ParsedTemplate {
  const refuse = (what: string) =>
    new VeneerError('usage', `--template ${JSON.stringify(template)}: ${what}`);
  const [before, after, ...more] = template.split(slot);
  if (after === undefined || more.length > 0) throw refuse(`it must have ${slot} once`);
  const found = masks.filter(mask => template.includes(mask));
  const mask = found[0];
  if (mask === undefined || found.length > 1 || template.split(mask).length > 2)
    throw refuse(`it must have ${masks.join(' or ')} once, as the base writes it`);
  const { ids: maskIds } = tokenizer.encode(mask);
  const [maskId] = maskIds;
  if (maskIds.length !== 1 || maskId === tokenizer.unkId)
    throw refuse(
      `${mask} is no token of this base, which may write it ${masks.find(other => other !== mask)}`,
    );

  const idsOf = (text: string) => (text.trim() === '' ? [] : [...tokenizer.encode(text).ids]);
  const [ahead, behind] = [idsOf(before!), idsOf(after)];
  const single = tokenizer.single.flatMap((piece): TemplatePiece[] => {
    if ('special' in piece) return [piece];
    const framed = (ids: readonly number[]) => ids.map(special => ({ special, typeId: piece.typeId }));
    return [...framed(ahead), piece, ...framed(behind)];
  });
  const text = tokenizer.single.findIndex(piece => 'sequence' in piece);
  const inFront = ahead.indexOf(maskId!);
  const place =
    inFront >= 0
      ? text + inFront
      : behind.indexOf(maskId!) - behind.length - (tokenizer.single.length - 1 - text);
  return {
    tokenizer: { ...tokenizer, encode: given => tokenizer.encode(given), single },
    place,
    isSpaced: /\s$/.test(template.slice(0, template.indexOf(mask))),
  };
}
