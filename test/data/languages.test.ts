/** Which files of a directory are which language's, and the examples of one file by its language column. */
import { mkdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readClassificationSplit } from '../../trainer/data/classification.ts';
import { languageFiles, splitByLanguage } from '../../trainer/data/languages.ts';
import { faultOf, folderOf } from './folder.ts';

const filesOf = async (folder: string) =>
  (await languageFiles(folder))?.map(({ language, path }) => [language, relative(folder, path)]);

describe('a directory', () => {
  test('has a language for each name, of which the test file counts, else dev, else train, else the only one', async () => {
    const folder = await folderOf({
      'deu_Latn.train.tsv': '',
      'deu_Latn.dev.tsv': '',
      'deu_Latn.test.tsv': '',
      'fra_Latn.train.tsv': '',
      'fra_Latn.validation.tsv': '',
      'ara.train.csv': '',
      'pt.br.jsonl': '',
      'zho.conll': '',
      'LICENCE.md': '',
      'LICENCE.txt': '',
      'swe.test.txt': '',
      '.hidden.test.tsv': '',
    });
    await mkdir(join(folder, 'kor_Hang'));
    expect(await filesOf(folder)).toEqual([
      ['ara', 'ara.train.csv'],
      ['deu_Latn', 'deu_Latn.test.tsv'],
      ['fra_Latn', 'fra_Latn.validation.tsv'],
      ['kor_Hang', 'kor_Hang'],
      ['pt.br', 'pt.br.jsonl'],
      ['swe', 'swe.test.txt'],
      ['zho', 'zho.conll'],
    ]);
  });

  test('with two files of one language, or with none, is refused; a file is no directory', async () => {
    const twice = await folderOf({ 'de.test.tsv': '', 'de.test.csv': '' });
    expect(await faultOf(languageFiles(twice))).toMatch(
      /both de\.test\.\w+ and de\.test\.\w+ could be de's: keep one/,
    );
    expect(await faultOf(languageFiles(await folderOf({ 'README.md': '' })))).toContain('no language in it');
    expect(await faultOf(languageFiles('nowhere'))).toBe('nowhere: no such file or directory');
    const folder = await folderOf({ 'a.csv': 'text,label\n' });
    expect(await languageFiles(join(folder, 'a.csv'))).toBeUndefined();
  });
});

describe('a language column', () => {
  const table = 'text,label,lang,region\nja,yes,de,at\nyes,yes,en,gb\nnein,no,de,\n';
  const split = async (text: string, column?: string, name = 'a.csv') => {
    const file = join(await folderOf({ [name]: text }), name);
    const groups = await splitByLanguage(file, await readClassificationSplit(file), column);
    return [...groups].map(([language, examples]) => [language, examples.map(example => example.text)]);
  };

  test('groups the examples', async () => {
    expect(await split(table)).toEqual([
      ['de', ['ja', 'nein']],
      ['en', ['yes']],
    ]);
    const lines = '{"text":"a","label":"x","tongue":"sv"}\n{"text":"b","label":"x","tongue":"da"}\n';
    expect(await split(lines, 'tongue', 'a.jsonl')).toEqual([
      ['da', ['b']],
      ['sv', ['a']],
    ]);
  });

  test.each([
    ['that is empty somewhere', 'region', 'a.csv:4: the language ("region") is empty'],
    ['that is not there', 'tongue', 'a.csv: no column "tongue": the columns are text, label, lang, region'],
  ])('%s is refused', async (_, column, message) => {
    expect(await faultOf(split(table, column))).toContain(message);
  });
});
