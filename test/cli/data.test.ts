/** Bad data: exit code 1, and one line that says where it is wrong; odd data that is right: trained on. */
import { mkdir } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
});
afterAll(() => workspace.remove());

const squad = (context: string, ...questions: [question: string, answer: string, start: number][]) =>
  JSON.stringify({
    version: '1.1',
    data: [
      {
        title: '',
        paragraphs: [
          {
            context,
            qas: questions.map(([question, text, answer_start], id) => ({
              id: `${id}`,
              question,
              answers: text === '' ? [] : [{ text, answer_start }],
            })),
          },
        ],
      },
    ],
  });
const long = 'late '.repeat(500);

describe('a file that cannot be trained on is refused with its place', () => {
  test.concurrent.each([
    ['open.csv', 'text,label\na,x\n"b,y\n', 'open.csv:3: the quoted field that starts here is never closed'],
    ['short.csv', 'text,label\na,x\nb\n', 'short.csv:3: 1 columns where short.csv:1 has 2'],
    ['columns.csv', 'words,kind\na,x\n', 'columns.csv:1: no column is recognised as the text'],
    ['unlabelled.csv', 'text,label\na,x\nb,\n', 'unlabelled.csv:3: the label is empty'],
    ['nothing.csv', '', 'nothing.csv: no examples'],
    ['header.csv', 'text,label\n', 'header.csv: no examples'],
    ['latin.csv', Buffer.from('text,label\na,x\ncaf\xe9,y\n', 'latin1'), 'latin.csv:3: not UTF-8'],
    ['table.xlsx', 'text,label\n', 'table.xlsx: the extension must say the format'],
    ['broken.jsonl', '{"text":"a","label":"x"}\n{"text":\n', 'broken.jsonl:2: not valid JSON'],
    ['untagged.conll', 'mara B-PER\nlives\n', 'untagged.conll:2: "lives" has no tag'],
    ['prefix.conll', 'mara B-PER\nlives X-PER\n', 'prefix.conll:2: "X-PER" is no tag'],
    ['scheme.conll', 'a B-PER\nb E-PER\nc U-PER\n', 'scheme.conll:3: "U-PER" does not go with'],
    ['blank.conll', '\n\n', 'blank.conll: no examples'],
    ['number.json', '3', "number.json:$: not of SQuAD's form"],
    ['cut.json', '{"data": [\n', 'cut.json:2: not valid JSON'],
    ['empty.json', squad('', ['who?', 'mara', 0]), 'empty.json: no examples'],
    [
      'question.json',
      squad('mara', [long, 'mara', 0]),
      'question.json:data[0].paragraphs[0].qas[0]: 500 tokens',
    ],
    [
      'pair.csv',
      `text,text_pair,label\na,b,x\n${long},${long},y\n`,
      'pair.csv:3: 500 tokens beside the text',
    ],
  ])('%s', async (name, content, told) => {
    await workspace.write(name, content);
    expect(refusalOf(await workspace.train(name))).toContain(told);
  });

  test('a path that leads nowhere', async () => {
    expect(refusalOf(await workspace.train('nowhere.csv'))).toBe('nowhere.csv: no such file or directory');
    expect(refusalOf(await workspace.train('topics.csv', '--eval-data', 'nowhere.csv'))).toContain(
      'nowhere.csv: no such file or directory',
    );
  });

  test('a directory without a train file', async () => {
    await mkdir(workspace.path('nothing here'));
    expect(refusalOf(await workspace.train('nothing here'))).toContain('nothing here: no train file');
  });

  test('a column that is not there', async () => {
    expect(refusalOf(await workspace.train('topics.csv', '--text-column', 'body'))).toBe(
      'topics.csv:1: no column "body": the columns are "text", "label"',
    );
  });

  test('more labels than an adapter can have', async () => {
    const rows = Array.from({ length: 10_001 }, (_, i) => `late,label ${i}`);
    await workspace.write('labels.csv', ['text,label', ...rows].join('\n'));
    expect(refusalOf(await workspace.train('labels.csv'))).toContain('10001 labels are more than');
  });
});

describe('what train does not know is refused', () => {
  test.each(['dev', 'test'])('a label of %s', async split => {
    await mkdir(workspace.path(split));
    await workspace.write(`${split}/train.csv`, 'text,label\na,x\nb,y\n');
    await workspace.write(`${split}/${split}.csv`, 'text,label\na,x\nb,z\n');
    expect(refusalOf(await workspace.train(split))).toBe(
      `${split}/${split}.csv:3: label "z" is unknown: the train split has "x", "y"`,
    );
  });

  test('a label of --eval-data', async () => {
    await workspace.write('eval.csv', 'text,label\na,parcel\nb,z\n');
    expect(refusalOf(await workspace.train('topics.csv', '--eval-data', 'eval.csv'))).toContain(
      'eval.csv:3: label "z" is unknown: the train split has "parcel", "praise", "refund"',
    );
  });

  test('a label of what evaluate scores', async () => {
    await workspace.write('scored.csv', 'text,label\na,parcel\nb,z\n');
    expect(refusalOf(await workspace.run('evaluate', 'adapter', '--data', 'scored.csv'))).toBe(
      'scored.csv:3: label "z" is unknown: the adapter has "parcel", "praise", "refund"',
    );
  });

  test('an entity type of --eval-data', async () => {
    await workspace.write('people.conll', 'mara B-PER\nlives O\n');
    await workspace.write('places.conll', 'in O\noslo B-LOC\n');
    expect(refusalOf(await workspace.train('people.conll', '--eval-data', 'places.conll'))).toContain(
      'places.conll:2: entity type "LOC" is unknown: the train split has "PER"',
    );
  });
});

test('a text that no window can hold is found before training, in dev as in train, and by evaluate', async () => {
  await workspace.write('pairs.csv', 'text,text_pair,label\na,b,x\nc,d,y\n');
  await workspace.write('long-pairs.csv', `text,text_pair,label\na,b,x\n${long},${long},y\n`);
  const refused = await workspace.train('pairs.csv', '--eval-data', 'long-pairs.csv', '--out', 'pairs');
  expect(refusalOf(refused)).toContain('long-pairs.csv:3: 500 tokens beside the text');
  expect(refused.stdout).not.toContain('trainable parameters');
  await workspace.train('pairs.csv', '--out', 'pairs');
  const evaluated = await workspace.run('evaluate', 'pairs', '--data', 'long-pairs.csv');
  expect(refusalOf(evaluated)).toContain('long-pairs.csv:3: 500 tokens beside the text');
});

test('an answer that is not where it says is counted, told and left out, and training goes on', async () => {
  const file = squad('mara lives in oslo', ['who?', 'mara', 0], ['where?', 'oslo', 3]);
  await workspace.write('facts.json', file);
  const ran = await workspace.train('facts.json', '--eval-data', 'facts.json', '--json');
  expect(resultOf(ran)).toMatchObject({ task: 'question-answering', steps: 1 });
  expect(ran.stderr).toContain(
    'train: skipped 1: the answer is not at its answer_start in the context (facts.json:data[0].paragraphs[0].qas[1])',
  );
  expect(ran.stderr).toContain('1 examples in 1 windows');
  const evaluated = await workspace.run('evaluate', 'run', '--data', 'facts.json', '--json');
  expect(resultOf(evaluated)).toMatchObject({ examples: 1 });
  expect(evaluated.stderr).toContain('skipped 1: no answer of the question is where it says');
});

describe('odd data is trained on and scored', () => {
  test.concurrent.each([
    ['one.csv', 'text,label\nlate,x\n', 1],
    ['one label.csv', 'text,label\nlate,x\nagain,x\n', 2],
    ['crlf.csv', 'text,label\r\n"two\r\nlines",x\r\nb,y\r\n', 2],
    ['mark.csv', '\ufefftext,label\na,x\nb,y\n', 2],
    ['control.csv', 'text,label\n\u0001\u0002,x\n\u007f,y\n', 2],
    ['ünï cödé 🎉.csv', 'text,label\n日本,良い 🎉\nüber,"com,ma"\nlate,"new\nline"\n', 3],
    ['long.csv', `text,label\n${long},x\nb,y\n`, 2],
    ['long pair.csv', `text,text_pair,label\n${long},b,x\nc,${long},y\n`, 2],
    ['outside.conll', 'late O\n', 1],
    ['space.conll', 'mara B-PER\n\u0001 O\n\u00a0 O\n', 1],
    ['control.json', squad('\u0001', ['who?', '', 0]), 1],
    ['one token.json', squad('mara', ['who?', 'mara', 0]), 1],
    ['astral.json', squad('🎉 mara lives', ['who?', 'mara', 2]), 1],
  ])('%s', async (name, content, examples) => {
    await workspace.write(name, content);
    const ran = await workspace.train(name, '--eval-data', name, '--out', `out of ${name}`, '--json');
    const metrics = Object.values(resultOf(ran).metrics as object);
    expect(metrics.every(Number.isFinite)).toBe(true);
    expect(metrics).not.toEqual([]);
    expect(ran.stderr).toMatch(new RegExp(`^${examples} examples in `, 'm'));
  });
});
