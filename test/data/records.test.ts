/** Sentences and questions as records of JSON and JSON Lines. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import type { ColumnOptions } from '../../trainer/data/columns.ts';
import { readLabeling } from '../../trainer/data/labeling.ts';
import { readQuestions } from '../../trainer/data/squad.ts';
import { faultOf, folderOf } from './folder.ts';

const lines = (...records: object[]) => records.map(record => `${JSON.stringify(record)}\n`).join('');
const sentences = async (content: string, options: ColumnOptions = {}, name = 'f.jsonl') =>
  (await readLabeling(join(await folderOf({ [name]: content }), name), options)).train;
const questions = async (content: string, name = 'f.jsonl') =>
  (await readQuestions(join(await folderOf({ [name]: content }), name))).train;

describe('sentences', () => {
  test('tags of any scheme are converted to IOB2, and a JSON array is the same as lines', async () => {
    const records = [
      { tokens: ['New', 'York', 'is'], ner_tags: ['B-LOC', 'E-LOC', 'O'] },
      { tokens: ['x'], ner_tags: ['S-PER'] },
    ];
    for (const split of [
      await sentences(lines(...records)),
      await sentences(JSON.stringify(records), {}, 'f.json'),
    ])
      expect(split.examples.map(({ tags }) => tags.join(' '))).toEqual(['B-LOC I-LOC O', 'B-PER']);
  });

  test('other columns are taken by name, and numbers by names of one’s own', async () => {
    const { examples } = await sentences(lines({ w: ['a', 'b'], t: [1, 0] }), {
      textColumn: 'w',
      labelColumn: 't',
      labelNames: ['O', 'B-X'],
    });
    expect(examples).toMatchObject([{ words: ['a', 'b'], tags: ['B-X', 'O'] }]);
  });

  test('a word that cannot be seen is left out with its tag, and what it opened goes on', async () => {
    const { examples, skipped } = await sentences(
      lines({ tokens: [' ', 'Mara', 'lives'], tags: ['B-PER', 'I-PER', 'O'] }),
    );
    expect(examples).toMatchObject([{ words: ['Mara', 'lives'], tags: ['B-PER', 'O'] }]);
    expect(skipped).toMatchObject([{ reason: 'a word without a visible character', count: 1 }]);
  });

  test.each<[string, object, string]>([
    [
      'fewer tags than words',
      { tokens: ['a', 'b'], tags: ['O'] },
      'f.jsonl:1: 2 words in "tokens" but 1 tags in "tags"',
    ],
    [
      'a text for a list',
      { tokens: 'a b', tags: ['O'] },
      'f.jsonl:1: "tokens" is a string: it must be a list',
    ],
    ['a number without names', { tokens: ['a'], tags: [3] }, 'f.jsonl:1, word 1: "3" is no tag'],
    [
      'a word that is no text',
      { tokens: ['a', 1], tags: ['O', 'O'] },
      'f.jsonl:1, word 2: the word is a number',
    ],
    [
      'no tags',
      { tokens: ['a'], kinds: ['O'] },
      'f.jsonl: no column is recognised as the label: the columns are "tokens", "kinds"',
    ],
    ['a scheme that is none', { tokens: ['a', 'b', 'c'], tags: ['B-X', 'E-X', 'U-X'] }, 'f.jsonl:1, word 3: "U-X" does not go'],
    // biome-ignore format: a table
  ])('%s: an error with its place', async (_, record, message) => {
    expect(await faultOf(sentences(lines(record)))).toContain(message);
  });

  test('a type that train lacks is told with its record and word', async () => {
    const folder = await folderOf({
      'train.jsonl': lines({ tokens: ['a'], tags: ['B-X'] }),
      'dev.jsonl': lines({ tokens: ['a'], tags: ['O'] }, { tokens: ['b', 'c'], tags: ['O', 'B-Y'] }),
    });
    expect(await faultOf(readLabeling(folder))).toBe(
      'dev.jsonl:2, word 2: entity type "Y" is unknown: the train split has "X"',
    );
  });
});

describe('questions', () => {
  const context = 'Mara lives in Oslo';
  test('answers as columns, one by one and none, in lines and in an array', async () => {
    const records = [
      { id: 7, title: 't', context, question: 'who?', answers: { text: ['Mara'], answer_start: [0] } },
      { context, question: 'where?', answers: [{ text: 'Oslo', answer_start: 14 }] },
      { context, question: 'why?', answers: { text: [], answer_start: [] } },
      { context, question: 'when?', is_impossible: true },
    ];
    for (const split of [
      await questions(lines(...records)),
      await questions(JSON.stringify(records), 'f.json'),
    ])
      expect(
        split.examples.map(({ question, answers }) => [question, ...answers.map(({ text }) => text)]),
      ).toEqual([['who?', 'Mara'], ['where?', 'Oslo'], ['why?'], ['when?']]);
  });

  test.each<[string, object, string]>([
    ['no context', { question: 'q', answers: [] }, 'f.jsonl:1: context: not a question'],
    [
      'starts without texts',
      { context, question: 'q', answers: { text: [], answer_start: [1] } },
      'f.jsonl:1: answers',
    ],
    ['no answers', { context, question: 'q' }, 'f.jsonl:1.answers: not there'],
    // biome-ignore format: a table
  ])('%s: an error with its place', async (_, record, message) => {
    expect(await faultOf(questions(lines(record)))).toContain(message);
  });

  test('a span that is not there is left out and counted', async () => {
    const { examples, skipped } = await questions(
      lines(
        { context, question: 'a?', answers: { text: ['Oslo'], answer_start: [3] } },
        { context, question: 'b?', answers: { text: ['Mara'], answer_start: [0] } },
      ),
    );
    expect(examples.map(({ question }) => question)).toEqual(['b?']);
    expect(skipped.map(({ count }) => count)).toEqual([1, 1]);
  });
});
