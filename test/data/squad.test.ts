/** SQuAD files: offsets, unanswerable questions, misplaced answers and wrong structure. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { readQuestions, readQuestionsSplit } from '../../trainer/data/squad.ts';
import { faultOf, folderOf } from './folder.ts';

const read = async (content: string) =>
  readQuestionsSplit(join(await folderOf({ 'f.json': content }), 'f.json'));
const document = (context: string, ...qas: object[]) =>
  JSON.stringify({ data: [{ title: 't', paragraphs: [{ context, qas }] }] });
const question = (id: string, answers?: object[], more: object = {}) => ({
  id,
  question: `${id}?`,
  answers,
  ...more,
});

test('offsets in code points become UTF-16 offsets', async () => {
  const context = 'a 😀 b 😀😀 c';
  const points = [...context];
  const answers = ['b', '😀😀', 'c', 'a'].map(text => ({
    text,
    answer_start: points
      .join('\u0000')
      .split('\u0000')
      .indexOf([...text][0]!),
  }));
  answers[1]!.answer_start = 6;
  const { examples, skipped } = await read(document(context, question('q', answers)));
  expect(skipped).toEqual([]);
  expect(examples[0]?.answers).toEqual(
    ['b', '😀😀', 'c', 'a'].map(text => ({ text, start: context.indexOf(text) })),
  );
});

test('version 2.0: impossible or without answers means that nothing answers it', async () => {
  const { examples } = await read(
    document(
      'some text',
      question('a', [{ text: 'some', answer_start: 0 }], { is_impossible: false }),
      question('b', [], { is_impossible: true, plausible_answers: [{ text: 'text', answer_start: 5 }] }),
      question('c', [{ text: 'some', answer_start: 0 }], { is_impossible: true }),
      question('d', []),
      question('e', undefined, { is_impossible: true }),
    ),
  );
  expect(examples.map(({ id, answers }) => [id, answers.length])).toEqual([
    ['a', 1],
    ['b', 0],
    ['c', 0],
    ['d', 0],
    ['e', 0],
  ]);
});

test('answers that are not where they say are left out, and a question only where none is', async () => {
  const { examples, skipped } = await read(
    document(
      'some text',
      question('a', [
        { text: 'some', answer_start: 1 },
        { text: 'text', answer_start: 5 },
      ]),
      question('b', [
        { text: 'some', answer_start: -1 },
        { text: 'text', answer_start: 500 },
      ]),
      question('c', [
        { text: '', answer_start: 0 },
        { text: 'text and more', answer_start: 5 },
      ]),
    ),
  );
  expect(examples.map(({ id, answers }) => [id, answers])).toEqual([['a', [{ text: 'text', start: 5 }]]]);
  expect(skipped.map(({ reason, count, where }) => [reason, count, where.length])).toEqual([
    ['the answer is not at its answer_start in the context', 5, 5],
    ['no answer of the question is where it says', 2, 2],
  ]);
  expect(skipped[1]?.where[0]).toMatch(/f\.json:data\[0\]\.paragraphs\[0\]\.qas\[1\]$/);
});

test('an answer past a context with astral characters is left out', async () => {
  const { skipped } = await read(
    document('😀 a', question('a', [{ text: 'a', answer_start: 3 }]), question('b', [])),
  );
  expect(skipped[0]?.count).toBe(1);
});

test('an empty question is left out and counted', async () => {
  const { examples, skipped } = await read(
    document('x', { ...question('a', []), question: ' ' }, question('b', [])),
  );
  expect(examples.map(example => example.id)).toEqual(['b']);
  expect(skipped).toMatchObject([{ reason: 'the question or its context is empty', count: 1 }]);
});

test.each([
  ['broken JSON', '{"data": [\n}', 'f.json:2: not valid JSON at column 1'],
  ['no data', '{"version": 1}', 'f.json:data: not of SQuAD'],
  ['an empty array', '[]', 'f.json: no examples'],
  ['a number', '3', 'f.json:$: not of SQuAD'],
  [
    'no context',
    '{"data":[{"paragraphs":[{"qas":[]}]}]}',
    'f.json:data[0].paragraphs[0].context: not of SQuAD',
  ],
  [
    'an offset that is no number',
    document('x', question('a', [{ text: 'x', answer_start: '0' }])),
    'qas[0].answers[0].answer_start: not of SQuAD',
  ],
  ['answers that are not there', document('x', question('a')), 'qas[0].answers: not there'],
  ['no question at all', '{"data":[]}', 'f.json: no examples'],
])('%s is an error with its place', async (_, content, message) => {
  expect(await faultOf(read(content))).toContain(message);
});

test('numbers as ids become strings, and the splits of a directory are read', async () => {
  const folder = await folderOf({
    'train.json': document('x', { ...question('', []), id: 7, question: 'q' }),
    'dev.json': document('y', question('b', [])),
  });
  const { train, dev } = await readQuestions(folder);
  expect(train.examples).toMatchObject([
    { id: '7', context: 'x', where: join(folder, 'train.json:data[0].paragraphs[0].qas[0]') },
  ]);
  expect(dev?.examples).toHaveLength(1);
});

describe('a conversation', () => {
  const turns = [
    { speaker: 'anna', text: '😀 where is it' },
    { speaker: 'ben', text: 'it is in 😀 Oslo' },
  ];
  const readLines = async (...records: object[]) => {
    const text = records.map(record => `${JSON.stringify(record)}\n`).join('');
    return readQuestionsSplit(join(await folderOf({ 'f.jsonl': text }), 'f.jsonl'));
  };
  const asked = (answers: unknown, context: unknown = turns) => ({
    id: 'q',
    question: 'where',
    context,
    answers,
  });

  test('is joined, and an answer is placed by its turn and code points inside it', async () => {
    const list = [{ text: 'Oslo', answer_start: 11, turn: 1 }];
    const columns = { text: ['Oslo'], answer_start: [11], turn: [1] };
    const nested = JSON.stringify({
      data: [{ paragraphs: [{ context: turns, qas: [question('q', list)] }] }],
    });
    for (const { examples } of [
      await readLines(asked(list)),
      await readLines(asked(columns)),
      await read(nested),
    ]) {
      const [example] = examples;
      expect(example).toMatchObject({ context: 'anna: 😀 where is it\nben: it is in 😀 Oslo', turns });
      const [answer] = example!.answers;
      expect(example!.context.slice(answer!.start)).toBe('Oslo');
    }
  });

  test('an answer of another turn, past its turn or of no turn there is left out', async () => {
    const wrong = [
      { text: 'Oslo', answer_start: 11, turn: 0 },
      { text: 'where is it\nben', answer_start: 2, turn: 0 },
      { text: 'it', answer_start: 0, turn: 2 },
      { text: 'it', answer_start: 0, turn: -1 },
      { text: 'it', answer_start: 0, turn: 1 },
    ];
    const { examples, skipped } = await readLines(asked(wrong));
    expect(examples[0]!.answers).toEqual([{ text: 'it', start: 'anna: 😀 where is it\nben: '.length }]);
    expect(skipped).toMatchObject([{ count: 4 }]);
  });

  test.each([
    [
      'an answer without its turn',
      asked([{ text: 'it', answer_start: 0 }]),
      'f.jsonl:1.answers: turn is missing',
    ],
    [
      'columns of different lengths',
      asked({ text: ['a'], answer_start: [0], turn: [] }),
      'f.jsonl:1: answers: not a question',
    ],
    ['a turn without a speaker', asked([], [{ text: 'hello' }]), 'f.jsonl:1: context: not a question'],
    ['no turns', asked([], []), 'f.jsonl:1: context: not a question'],
  ])('%s is an error with its place', async (_, record, message) => {
    expect(await faultOf(readLines(record))).toContain(message);
  });
});
