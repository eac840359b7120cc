import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { offsetsIn } from '../../functions/http/offsets.ts';

describe('offsets', () => {
  it('are the same in both encodings where a text has no surrogate pair', () => {
    const text = 'Zürich 東京 \u0301';
    const offset = offsetsIn(text, 'code_points');
    for (let unit = 0; unit <= text.length; unit++) expect(offset(unit)).toBe(unit);
  });

  it('count an emoji once in code points and twice in UTF-16', () => {
    const text = '👋 Ada 👩‍🚀!';
    const ada = text.indexOf('Ada');
    expect(offsetsIn(text, 'utf16')(ada)).toBe(3);
    expect(offsetsIn(text, 'code_points')(ada)).toBe(2);
    // An astronaut is three code points: woman, joiner, rocket.
    expect(offsetsIn(text, 'code_points')(text.length)).toBe(10);
  });

  it('count a lone surrogate once, as Python does', () => {
    expect(offsetsIn('\ud800 😀', 'code_points')(4)).toBe(3);
    expect(offsetsIn('😀\udc00', 'code_points')(3)).toBe(2);
  });

  it('round a place inside a pair up', () => {
    expect(offsetsIn('a😀b', 'code_points')(2)).toBe(2);
  });

  it('of an empty text are 0', () => {
    expect(offsetsIn('', 'code_points')(0)).toBe(0);
  });

  it('select the same characters from an array of code points as from the string', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'grapheme' })), fc.nat(), (words, pick) => {
        const text = words.join('');
        const word = words.length === 0 ? 0 : pick % words.length;
        const start = words.slice(0, word).join('').length;
        const end = start + (words[word] ?? '').length;
        const offset = offsetsIn(text, 'code_points');
        expect([...text].slice(offset(start), offset(end)).join('')).toBe(text.slice(start, end));
      }),
    );
  });
});
