/** The place of a JSON error, against every single-character fault of a document. */
import { expect, test } from 'vitest';
import { VeneerError } from '../../functions/error.ts';
import { parseJson } from '../../trainer/data/json.ts';

function placeOf(text: string): string | undefined {
  try {
    parseJson(text, 'f');
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(VeneerError);
    return /^f:(\d+): not valid JSON at column (\d+)$/
      .exec((error as Error).message)
      ?.slice(1)
      .join(':');
  }
}

test.each([
  ['', '1:1'],
  ['{"a": 1}', undefined],
  ['{"a": 1}}', '1:9'],
  ['{"a": 01}', '1:8'],
  ['[1,]', '1:4'],
  ['[1 2]', '1:4'],
  ['[\n\n"a\nb"]', '3:3'],
  ['{"a"', '1:5'],
  ['{"a": tru}', '1:7'],
  ['{a: 1}', '1:2'],
  ['["\\x"]', '1:3'],
  ['["abc', '1:6'],
  ['[}', '1:2'],
])('%j stops being JSON at %s', (text, place) => {
  expect(placeOf(text)).toBe(place);
});

test('cutting or spoiling a document anywhere gives that place, or the start of the token that it is in', () => {
  const document = '{"data": [{"a\\n\\u00e9": [1, -2.5e+3, true, null, "x"]}, {}, []], "b": ""}';
  const longest = '-2.5e+3'.length;
  for (let at = 0; at < document.length; at++) {
    for (const damaged of [document.slice(0, at), `${document.slice(0, at)}\u0001${document.slice(at)}`]) {
      const column = Number(placeOf(damaged)?.replace('1:', ''));
      expect(column, JSON.stringify(damaged)).toBeLessThanOrEqual(at + 1);
      expect(column, JSON.stringify(damaged)).toBeGreaterThan(at + 1 - longest);
    }
  }
});
