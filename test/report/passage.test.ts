import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { excerptOf, type Mark, type Part, partsOf } from '../../trainer/report/passage.ts';

const spell = (parts: readonly Part[]) => parts.map(({ text }) => text).join('');

describe('a marked text', () => {
  test('is cut at its marks', () => {
    expect(partsOf('Mara lives in Oslo.', [{ start: 14, end: 18, kind: 'expected', note: 'PLACE' }])).toEqual(
      [{ text: 'Mara lives in ' }, { text: 'Oslo', kind: 'expected', note: 'PLACE' }, { text: '.' }],
    );
  });

  test('says where expectation and prediction meet', () => {
    const marks: Mark[] = [
      { start: 0, end: 6, kind: 'expected' },
      { start: 3, end: 9, kind: 'predicted' },
    ];
    expect(partsOf('in May 2023', marks)).toEqual([
      { text: 'in ', kind: 'expected' },
      { text: 'May', kind: 'agreed' },
      { text: ' 20', kind: 'predicted' },
      { text: '23' },
    ]);
  });

  test('joins accepted answers that overlap, and keeps neighbours with notes apart', () => {
    const nested: Mark[] = [
      { start: 0, end: 11, kind: 'expected' },
      { start: 3, end: 11, kind: 'expected' },
    ];
    expect(partsOf('in May 2023', nested)).toEqual([{ text: 'in May 2023', kind: 'expected' }]);
    const neighbours: Mark[] = [
      { start: 0, end: 2, kind: 'expected', note: 'A' },
      { start: 2, end: 4, kind: 'expected', note: 'B' },
    ];
    expect(partsOf('abcd', neighbours)).toEqual([
      { text: 'ab', kind: 'expected', note: 'A' },
      { text: 'cd', kind: 'expected', note: 'B' },
    ]);
  });

  test('is whole, whatever the marks', () => {
    const mark = fc.record({
      start: fc.integer({ min: -5, max: 40 }),
      end: fc.integer({ min: -5, max: 40 }),
      kind: fc.constantFrom('expected' as const, 'predicted' as const, 'agreed' as const),
    });
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 30 }),
        fc.array(mark, { maxLength: 5 }),
        (text, marks) => {
          const parts = partsOf(text, marks);
          expect(spell(parts)).toBe(text);
          // Each unit is marked exactly where a mark covers it.
          let at = 0;
          for (const part of parts)
            for (let end = at + part.text.length; at < end; at++) {
              const covered = marks.some(({ start, end }) => start <= at && at < end);
              expect(part.kind !== undefined).toBe(covered);
            }
        },
      ),
    );
  });
});

describe('an excerpt', () => {
  const words = 'word '.repeat(400);

  test('keeps a short text', () => {
    const parts = partsOf('short', []);
    expect(excerptOf(parts)).toEqual(parts);
  });

  test('keeps what is around the marks', () => {
    const text = `${words}HERE ${words}`;
    const excerpt = excerptOf(
      partsOf(text, [{ start: words.length, end: words.length + 4, kind: 'expected' }]),
      20,
    );
    expect(spell(excerpt)).toBe('… word word word word HERE word word word word …');
  });

  test('keeps the beginning where nothing is marked', () => {
    expect(spell(excerptOf(partsOf(words, []), 20))).toBe('word word word word word word word word …');
  });

  test('shortens what is marked too, and stays short', () => {
    const excerpt = excerptOf(partsOf(words, [{ start: 0, end: words.length, kind: 'expected' }]), 20);
    expect(excerpt).toEqual([{ text: expect.stringMatching(/^word .* … word .*/), kind: 'expected' }]);
    expect(excerpt[0]!.text.length).toBeLessThan(70);
  });

  test('splits no code point', () => {
    for (const offset of [0, 1])
      for (const text of [`${'x'.repeat(offset)}${'🎉'.repeat(200)}M${'🎉'.repeat(200)}`]) {
        const at = text.indexOf('M');
        const excerpt = spell(excerptOf(partsOf(text, [{ start: at, end: at + 1, kind: 'expected' }]), 21));
        expect(excerpt).toContain('M');
        expect(excerpt).not.toMatch(/[\ud800-\udfff]/u);
        expect(excerpt.length).toBeLessThan(70);
      }
  });
});
