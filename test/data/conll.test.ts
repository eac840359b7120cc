/** CoNLL files: layout, tag schemes and faults. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readLabeling, readLabelingSplit } from '../../trainer/data/labeling.ts';
import { faultOf, folderOf } from './folder.ts';

const read = async (content: string) =>
  readLabelingSplit(join(await folderOf({ 'f.conll': content }), 'f.conll'));

/** A sentence of the given tags, one file each. */
const fileOf = (sentences: string[]) =>
  sentences
    .map(tags =>
      tags
        .split(' ')
        .map(tag => `w\t${tag}\n`)
        .join(''),
    )
    .join('\n');
const convert = async (sentences: string[]) => {
  const { examples, notes } = await read(fileOf(sentences));
  return {
    tags: examples.map(example => example.tags.join(' ')),
    note: notes?.[0]?.replace(/^.*f\.conll: (?=tags)/, ''),
  };
};

describe('layout', () => {
  test('words and tags are the first and last column, sentences end at blank lines, documents are skipped', async () => {
    const { examples } = await read(
      '-DOCSTART- -X- -X- O\n\nEU NNP I-NP B-ORG\r\nrejects VBZ I-VP O\r\n\r\n \nPeter NNP I-NP B-PER  \n',
    );
    expect(examples).toEqual([
      { words: ['EU', 'rejects'], tags: ['B-ORG', 'O'], where: expect.stringMatching(/f\.conll:3$/) },
      { words: ['Peter'], tags: ['B-PER'], where: expect.stringMatching(/f\.conll:7$/) },
    ]);
  });

  test('a tab separates words that contain spaces', async () => {
    const { examples } = await read('s k\tO\nNew York\tB-LOC\n\u00a0\tO\n');
    expect(examples[0]?.words).toEqual(['s k', 'New York', '\u00a0']);
  });

  test('comments before a sentence are skipped, tagged words that begin with # are not', async () => {
    const { examples } = await read(
      '# sent_id = 1\n# text = # O\n# NFL O\n#NFL O\n# O\nx O\n\n# newdoc\n# B-X\n# O\n\n#\tO\n',
    );
    expect(examples.map(example => example.words.join(' '))).toEqual(['#NFL # x', '# #', '#']);
  });

  test.each([
    ['a word without a tag', 'a O\n\nb\n', 'f.conll:3: "b" has no tag'],
    ['a word with a tab but no tag', 'a\tO\nb\t\n', 'f.conll:2: "b" has no tag'],
    ['a tag without a word', 'a\tO\n\tO\n', 'f.conll:2: a tag without a word'],
    ['an unknown prefix', 'a O\nb X-PER\n', 'f.conll:2: "X-PER" is no tag'],
    ['a tag without prefix', 'a O\nb PER\n', 'f.conll:2: "PER" is no tag'],
    ['a prefix without type', 'a O\nb B-\n', 'f.conll:2: "B-" is no tag'],
    ['another number of columns', 'a O\nNew York B-LOC\n', 'f.conll:2: 3 columns where the file has 2'],
    ['a comment inside a sentence', 'a O\n# x = y\n', 'f.conll:2: 4 columns where the file has 2'],
    ['no sentence', '-DOCSTART- O\n\n# x\n', 'f.conll: no examples'],
  ])('%s is an error with its line', async (_, content, message) => {
    expect(await faultOf(read(content))).toContain(message);
  });
});

describe('schemes', () => {
  test('IOB2 stays as it is', async () => {
    expect(await convert(['B-X I-X B-X O B-Y I-Y', 'B-X B-Y'])).toEqual({
      tags: ['B-X I-X B-X O B-Y I-Y', 'B-X B-Y'],
      note: 'tags are IOB2',
    });
  });

  test('IOB1: every entity begins with I-, but for one right after another of its type', async () => {
    expect(await convert(['I-X I-X B-X I-X O I-Y', 'I-X I-Y I-Y'])).toEqual({
      tags: ['B-X I-X B-X I-X O B-Y', 'B-X B-Y I-Y'],
      note: 'tags are IOB1, converted to IOB2',
    });
  });

  test('IOB2 with some I- that continue nothing: they start an entity, counted, the first one named', async () => {
    const { tags, note } = await convert(['B-X I-X', 'O I-X I-X', 'B-X I-Y']);
    expect(tags).toEqual(['B-X I-X', 'O B-X I-X', 'B-X B-Y']);
    expect(note).toMatch(/^tags are IOB2; 2 tags inside no entity start one \(first: .*f\.conll:5: I-X\)$/);
  });

  test.each([
    ['BMES', 'B-X M-X M-X E-X S-X B-X E-X O S-Y', 'B-X I-X I-X I-X B-X B-X I-X O B-Y'],
    ['BIOES', 'B-X I-X E-X S-X B-X E-X O', 'B-X I-X I-X B-X B-X I-X O'],
    ['BIOES', 'B-X I-X I-X S-X O', 'B-X I-X I-X B-X O'],
    ['BILOU', 'B-X I-X L-X U-X B-X L-X O', 'B-X I-X I-X B-X B-X I-X O'],
  ])('%s is converted: %s', async (scheme, from, to) => {
    expect(await convert([from])).toEqual({ tags: [to], note: `tags are ${scheme}, converted to IOB2` });
  });

  test('after an entity that was closed the next one starts, also without B-', async () => {
    const { tags, note } = await convert(['B-X E-X M-X E-X S-X E-X']);
    expect(tags).toEqual(['B-X I-X B-X I-X B-X B-X']);
    expect(note).toContain('2 tags inside no entity');
  });

  test('prefixes of different schemes are an error at the first that does not fit', async () => {
    expect(await faultOf(read(fileOf(['B-X M-X E-X', 'B-X I-X'])))).toContain(
      'f.conll:6: "I-X" does not go with the prefixes B, M, E',
    );
    expect(await faultOf(read(fileOf(['B-X E-X U-X'])))).toContain(
      'f.conll:3: "U-X" does not go with the prefixes B, E',
    );
  });

  test('a type may contain dashes and other scripts', async () => {
    expect((await convert(['B-a-b I-a-b B-地名'])).tags).toEqual(['B-a-b I-a-b B-地名']);
  });
});

test('an entity type that train lacks is an error with the line of its word', async () => {
  const folder = await folderOf({ 'train.txt': 'a B-X\n', 'dev.txt': 'a O\n\nb O\nc I-Y\n' });
  expect(await faultOf(readLabeling(folder))).toBe(
    'dev.txt:4: entity type "Y" is unknown: the train split has "X"',
  );
});

test('a data set without an entity in train may have none in test either', async () => {
  const folder = await folderOf({ 'train.conll': 'a O\n', 'test.conll': 'b O\n' });
  expect((await readLabeling(folder)).test?.examples).toMatchObject([{ words: ['b'], tags: ['O'] }]);
});
