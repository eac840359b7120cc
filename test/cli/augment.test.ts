/** train --augment: what the log and the manifest say of it, that a run resumes under it, and what is refused. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, topics, type Workspace } from './workspace.ts';

let workspace: Workspace;
const groups = 'parcel order\nlate overdue\nmoney, cash\nbroken damaged\n';
beforeAll(async () => {
  workspace = await openWorkspace();
  await workspace.write('groups.txt', groups);
});
afterAll(() => workspace.remove());

const json = async (file: string) => JSON.parse(await readFile(workspace.path(file), 'utf8'));

test('examples are added to train alone, by WordNet or a file, and told in log and manifest', async () => {
  const ran = await workspace.train('topics.csv', '--augment', '4', '--eval-data', 'topics.csv');
  const [, added] = /train: (\d+) augmented examples beside the 4 \(.*WordNet 3\.1, English\)\n/.exec(
    ran.stdout,
  )!;
  expect(Number(added)).toBeGreaterThan(4);
  expect(ran.stdout).toContain(`${4 + Number(added)} examples in ${4 + Number(added)} windows, 3 labels\n`);
  const manifest = await json('run/manifest.json');
  expect(manifest.training.config.augment).toEqual({
    ...{ count: 4, rate: 0.05, unit: 'word', synonyms: 'WordNet 3.1' },
  });
  expect(manifest.training.dataset).toBe(sha256(topics));
  expect((await json('run/data.json')).splits.train.examples).toBe(4);

  const filed = await workspace.train(
    ...([
      'topics.csv',
      '--augment',
      '2,0.3',
      '--synonyms',
      'groups.txt',
      '--augment-unit',
      'character',
    ] as const),
  );
  expect(filed.stdout).toMatch(/augmented examples beside the 4 \(.*synonyms of groups\.txt\)\n/);
  expect((await json('run/manifest.json')).training.config.augment).toEqual({
    ...{ count: 2, rate: 0.3, unit: 'character', synonyms: sha256(groups) },
  });
});

test('the same seed gives the same adapter, and a checkpoint knows what it was augmented by', async () => {
  const run = (...args: string[]) =>
    workspace.train('topics.csv', '--augment', '3', '--synonyms', 'groups.txt', '--json', ...args);
  const bytes: Buffer[] = [];
  for (const out of ['a', 'b']) {
    resultOf(await run('--out', out));
    bytes.push(await readFile(workspace.path(`${out}/adapter.safetensors`)));
  }
  expect(bytes[0]!.equals(bytes[1]!)).toBe(true);
  resultOf(await run('--out', 'a', '--resume'));
  await workspace.write('groups.txt', `${groups}thanks cheers\n`);
  const changed = await run('--out', 'a', '--resume');
  expect([changed.code, changed.stderr]).toEqual([1, expect.stringContaining('augment was {"count":3')]);
});

test('bad input is refused in one line', async () => {
  const refused = async (code: 1 | 2, ...args: string[]) => {
    const ran = await workspace.train('topics.csv', ...args);
    return refusalOf({ ...ran, stderr: ran.stderr }, code);
  };
  for (const bad of ['0', '65', '2.5', '2,0', '2,1', '2,0.1,3', 'x', ','])
    expect(await refused(2, '--augment', bad), bad).toContain('It must be a whole number from 1 to 64');
  expect(await refused(2, '--synonyms', 'groups.txt')).toBe('--synonyms goes with --augment');
  expect(await refused(2, '--augment-unit', 'word')).toBe('--augment-unit goes with --augment');
  expect(await refused(1, '--augment', '1', '--synonyms', 'none.txt')).toContain('none.txt: no such file');
  await workspace.write('alone.txt', 'a b\nalone\n');
  expect(await refused(1, '--augment', '1', '--synonyms', 'alone.txt')).toContain('alone.txt:2: "alone"');
  await workspace.write(
    'passages.json',
    JSON.stringify({
      data: [
        {
          paragraphs: [
            {
              context: 'mara lives in oslo',
              qas: [{ id: '1', question: 'where', answers: [{ text: 'oslo', answer_start: 14 }] }],
            },
          ],
        },
      ],
    }),
  );
  const questions = await workspace.train('passages.json', '--augment', '1');
  expect(refusalOf(questions, 2)).toBe('--augment: for classification and sequence labeling only');
});
