/** Which files are a data set, and which bytes are a text. */
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { sha256 } from '../../functions/artifacts/digest.ts';
import {
  findSplits,
  pickEvaluationSplit,
  readDataset,
  readEvaluationSplit,
  readText,
} from '../../trainer/data/files.ts';
import { faultOf, folderOf } from './folder.ts';

const extensions = ['csv', 'tsv'];
const reader = {
  extensions,
  read: async (file: string) => {
    const { text, digest } = await readText(file);
    return { examples: text === '' ? [] : [text], skipped: [], digest };
  },
};

describe('splits', () => {
  test('a file is the train split, whatever its name', async () => {
    const file = join(await folderOf({ 'dev.csv': 'x' }), 'dev.csv');
    expect(await findSplits(file, extensions)).toEqual({ train: [file] });
  });

  test.each(['dev', 'validation', 'valid'])('%s is the dev split', async stem => {
    const folder = await folderOf({
      'train.csv': 'a',
      [`${stem}.tsv`]: 'b',
      'test.csv': 'c',
      'LICENCE.txt': '',
    });
    expect(await findSplits(folder, extensions)).toEqual({
      train: [join(folder, 'train.csv')],
      dev: [join(folder, `${stem}.tsv`)],
      test: [join(folder, 'test.csv')],
    });
  });

  test('files of other tasks and directories are not looked at', async () => {
    const folder = await folderOf({ 'train.csv': 'a', 'train.conll': 'b' });
    await mkdir(join(folder, 'train.tsv'));
    expect(await findSplits(folder, extensions)).toEqual({ train: [join(folder, 'train.csv')] });
  });

  test('two candidates for one split are an error that names both', async () => {
    const twoTrain = await folderOf({ 'train.csv': 'a', 'train.tsv': 'b' });
    expect(await faultOf(findSplits(twoTrain, extensions))).toBe(
      ': both train.csv and train.tsv could be the train split: keep one',
    );
    const twoDev = await folderOf({ 'train.csv': 'a', 'validation.csv': 'b', 'dev.csv': 'c' });
    expect(await faultOf(findSplits(twoDev, extensions))).toContain('both dev.csv and validation.csv');
  });

  test('a split in parts is read in their order, with all of them in its digest, and not without one of them', async () => {
    const parts = {
      'train-00001-of-00003.csv': 'b',
      'train-00000-of-00003.csv': 'a',
      'train-00002-of-00003.csv': 'c',
    };
    const { train } = await readDataset(await folderOf(parts), reader);
    expect(train.examples).toEqual(['a', 'b', 'c']);
    const other = await readDataset(await folderOf({ ...parts, 'train-00002-of-00003.csv': 'd' }), reader);
    expect(other.train.digest).not.toBe(train.digest);
    const { 'train-00001-of-00003.csv': _, ...incomplete } = parts;
    expect(await faultOf(findSplits(await folderOf(incomplete), extensions))).toBe(
      ': train-00001-of-00003.csv is missing: all 3 parts are needed',
    );
    expect(await faultOf(findSplits(await folderOf({ ...parts, 'train.csv': 'x' }), extensions))).toBe(
      ': both train.csv and train-00000-of-00003.csv could be the train split: keep one',
    );
    const empty = await folderOf({ ...parts, 'train-00001-of-00003.csv': '' });
    expect(await faultOf(readDataset(empty, reader))).toBe('train-00001-of-00003.csv: no examples in it');
  });

  test('a directory without train can be evaluated on but not trained on', async () => {
    const folder = await folderOf({ 'dev.csv': 'a', 'test.csv': 'b' });
    expect(await faultOf(readDataset(folder, reader))).toBe(
      ': no train file: one named like train.csv, train.tsv is needed',
    );
    expect((await readEvaluationSplit(folder, reader)).examples).toEqual(['b']);
  });

  test('evaluation takes test, else dev, else train', () => {
    expect(pickEvaluationSplit({ train: 1, dev: 2, test: 3 })).toEqual({ name: 'test', split: 3 });
    expect(pickEvaluationSplit({ train: 1, dev: 2 })).toEqual({ name: 'dev', split: 2 });
    expect(pickEvaluationSplit({ train: 1 })).toEqual({ name: 'train', split: 1 });
    expect(pickEvaluationSplit({})).toBeUndefined();
  });

  test('a path that is not there, an empty directory and an empty file are errors', async () => {
    const folder = await folderOf({ 'train.csv': '' });
    expect(await faultOf(findSplits(join(folder, 'nowhere'), extensions))).toBe(
      'nowhere: no such file or directory',
    );
    expect(await faultOf(readEvaluationSplit(await folderOf({}), reader))).toContain(
      'no test, dev or train file',
    );
    expect(await faultOf(readDataset(folder, reader))).toBe('train.csv: no examples in it');
  });
});

describe('text', () => {
  const textOf = async (content: string | Uint8Array) => readText(join(await folderOf({ f: content }), 'f'));

  test('a byte order mark is left out of the text but not of the digest', async () => {
    const { text, digest } = await textOf('\ufefftext,label\n');
    expect(text).toBe('text,label\n');
    expect(digest).toBe(sha256('\ufefftext,label\n'));
  });

  test('bytes that are not UTF-8 are an error with their line', async () => {
    expect(await faultOf(textOf(Buffer.from('gut\nsch\xf6n\n', 'latin1')))).toBe(
      'f:2: not UTF-8: save the file as UTF-8',
    );
    expect(await faultOf(textOf(Buffer.from('a\nb\n中', 'utf8').subarray(0, -1)))).toContain(
      'f:3: not UTF-8',
    );
    expect(await faultOf(textOf(Buffer.from('\ufefftext', 'utf16le')))).toContain('f:1: not UTF-8');
  });
});
