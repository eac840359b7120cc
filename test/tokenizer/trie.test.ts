/** The double array against a Map, and grapheme clusters against the JavaScript engine's own. */
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { pack, type Section, unpack } from '../../functions/tokenizer/format.ts';
import { graphemeEnd } from '../../functions/tokenizer/graphemes.ts';
import { codePoints, readPointTable, writePointTable } from '../../functions/tokenizer/point-table.ts';
import { nodeOf, readTrie, stringsOf, writeTrie } from '../../functions/tokenizer/trie.ts';
import { property } from '../../functions/tokenizer/unicode.ts';

function written(write: (sections: Map<string, Section>) => void) {
  const sections = new Map<string, Section>();
  write(sections);
  return unpack(pack({}, sections)).section;
}

it('a trie finds every string that was written, with its number, and no other', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c', '#', '中', '🙂', '\u0301'), maxLength: 6 });
  fc.assert(
    fc.property(fc.dictionary(word, fc.nat()), fc.array(word), (values, others) => {
      const numbers = new Map(Object.entries(values).filter(([text]) => text));
      const trie = readTrie(
        written(sections => writeTrie((name, array) => sections.set(`t.${name}`, array), 'x', numbers)),
        't.x',
      );
      for (const text of [...numbers.keys(), ...others.filter(Boolean)]) {
        const node = nodeOf(trie, text);
        expect(node < 0 ? -1 : trie.units[3 * node + 2]).toBe(numbers.get(text) ?? -1);
      }
    }),
  );
});

it('a trie gives the string that was written with a number, and an empty one for others', () => {
  const word = fc.string({
    unit: fc.constantFrom('a', 'b', '#', '中', '🙂', '\u0301'),
    minLength: 1,
    maxLength: 6,
  });
  fc.assert(
    fc.property(fc.uniqueArray(word), words => {
      const numbers = new Map(words.map((text, i) => [text, 2 * i]));
      const section = written(all => writeTrie((name, array) => all.set(`t.${name}`, array), 'x', numbers));
      const stringOf = stringsOf(readTrie(section, 't.x'));
      for (const [text, number] of numbers) {
        expect(stringOf(number)).toBe(text);
        expect(stringOf(number + 1)).toBe('');
      }
      expect(stringOf(-1)).toBe('');
    }),
    { numRuns: 20 },
  );
});

const table = readPointTable(
  written(sections => {
    const cells = new Uint8Array(codePoints);
    cells.set(property('graphemes'));
    writePointTable((name, array) => sections.set(name, array), 'g', cells);
  }),
  'u8',
  'g',
);

function clusters(text: string) {
  const points = Int32Array.from(text, character => character.codePointAt(0)!);
  const found: string[] = [];
  for (let from = 0; from < points.length; ) {
    const end = graphemeEnd(points, from, points.length, table);
    found.push(String.fromCodePoint(...points.subarray(from, end)));
    from = end;
  }
  return found;
}

it('clusters are those of Intl.Segmenter, for characters whose rules are older than Node 20', () => {
  const kinds = [
    'a',
    'é',
    '\r',
    '\n',
    '\0',
    '\u200b',
    '\u0301',
    '\u200c',
    '\u200d',
    '\u0903',
    '\u0600',
    '©',
    '🙂',
    '👨',
    '❤',
    '\ufe0f',
  ];
  const pairs = [
    '🇫',
    '🇷',
    '🏽',
    '\u1100',
    '\u1161',
    '\u11a8',
    '가',
    '각',
    '中',
    '1',
    '\u20e3',
    '\u{e0067}',
    '\u{110bd}',
    '\u0e33',
  ];
  const segmenter = new Intl.Segmenter('en', { granularity: 'grapheme' });
  fc.assert(
    fc.property(fc.string({ unit: fc.constantFrom(...kinds, ...pairs), maxLength: 12 }), text => {
      expect(clusters(text)).toEqual(Array.from(segmenter.segment(text), ({ segment }) => segment));
    }),
    { numRuns: 3000 },
  );
});

it('an Indic conjunct is one cluster (UAX 29, GB9c)', () => {
  expect(clusters('क्त')).toEqual(['क्त']);
  expect(clusters('क\u094d\u094dत')).toEqual(['क\u094d\u094dत']);
  expect(clusters('क\u094d\u200dत')).toEqual(['क\u094d\u200dत']);
  expect(clusters('क\u200d\u093c\u094dतय')).toEqual(['क\u200d\u093c\u094dत', 'य']);
  expect(clusters('क\u094d\u200cत')).toEqual(['क\u094d\u200c', 'त']);
  expect(clusters('a\u094dत')).toEqual(['a\u094d', 'त']);
  expect(clusters('कत')).toEqual(['क', 'त']);
});
