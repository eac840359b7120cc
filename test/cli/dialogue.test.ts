/** Question answering over conversations, from data to report. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
const turns = (agent: string) => [
  { speaker: 'mara', text: 'where is it' },
  { speaker: 'agent', text: agent },
];
const records = [
  { text: 'oslo', answer_start: 3, context: turns('in oslo') },
  { text: 'lisbon', answer_start: 6, context: turns('it in lisbon again') },
  { text: 'red', answer_start: 0, context: turns('red') },
].map(({ context, ...answer }, id) => ({
  ...{ id, question: 'where', context },
  answers: [{ ...answer, turn: 1 }],
}));

beforeAll(async () => {
  workspace = await openWorkspace();
  await workspace.write('calls.json', JSON.stringify(records));
});
afterAll(() => workspace.remove());

test('a conversation is learned by turn, replayed, and reported with its answers marked', async () => {
  const args = [
    '--eval-data',
    'calls.json',
    '--epochs',
    '60',
    '--learning-rate',
    '0.01',
    '--replay',
    '2',
    '--json',
  ];
  const { metrics } = resultOf(await workspace.train('calls.json', '--out', 'calls', ...args));
  expect(metrics).toMatchObject({ exact_match: 100 });
  const kept = (await readFile(workspace.path('calls/replay.jsonl'), 'utf8')).trimEnd().split('\n');
  expect(kept.map(line => JSON.parse(line).turns)).toHaveLength(2);
  for (const line of kept) {
    const { context, answers } = JSON.parse(line);
    expect(context.slice(answers[0].start, answers[0].start + answers[0].text.length)).toBe(answers[0].text);
  }
  await workspace.write(
    'more.json',
    JSON.stringify([{ ...records[0], answers: [{ text: 'where', answer_start: 0, turn: 0 }] }]),
  );
  const again = ['--from', 'calls', '--replay', '1', '--epochs', '1', '--json'];
  const ran = await workspace.train('more.json', '--out', 'more', ...again);
  resultOf(ran);
  expect(ran.stderr).toContain('replayed: 2 examples of earlier data');

  // The first record now wants another answer than the adapter gives: both are marked where they are.
  resultOf(await workspace.run('report', 'calls', '--data', 'more.json', '--json'));
  const page = await readFile(workspace.path('calls/report.html'), 'utf8');
  expect(page).toMatch(/<(ins|del|mark)[^>]*>where</);
  expect(page).toMatch(/<(ins|del|mark)[^>]*>oslo</);
});
