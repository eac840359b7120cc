/** Places in a text as its reader counts them: JavaScript in UTF-16 code units, Python and most others in code points. */

export const offsetEncodings = ['code_points', 'utf16'] as const;
export type OffsetEncoding = (typeof offsetEncodings)[number];

const surrogatePair = /[\ud800-\udbff][\udc00-\udfff]/;

/** From UTF-16 offsets in `text`, 0 to its length, to offsets in `encoding`. Goes over the text once. */
export function offsetsIn(text: string, encoding: OffsetEncoding): (offset: number) => number {
  if (encoding === 'utf16' || !surrogatePair.test(text)) return offset => offset;
  const codePoints = new Uint32Array(text.length + 1);
  let count = 0;
  let unit = 0;
  for (const character of text) {
    codePoints[unit] = count++;
    // Inside a pair: past it, so that a span never loses its last character.
    if (character.length === 2) codePoints[unit + 1] = count;
    unit += character.length;
  }
  codePoints[unit] = count;
  return offset => codePoints[offset]!;
}
