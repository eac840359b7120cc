/** trainer search: over the tiny base, killed and gone on with, pushed, and what it refuses. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
const space = {
  'learning-rate': { min: 1e-4, max: 0.05, scale: 'log' },
  rank: { min: 1, max: 8, type: 'int' },
  'target-modules': { choices: ['q,v', 'q,k,v,o'] },
};
const rows = [
  'the parcel was late,parcel',
  'refund the money,refund',
  'thanks great,praise',
  'broken parcel,parcel',
];
const more = rows.flatMap((row, i) => [row, `again ${row}`, `please ${row}`, `${i} ${row}`]);

beforeAll(async () => {
  workspace = await openWorkspace();
  await workspace.write('space.json', JSON.stringify(space));
  await workspace.write('more.csv', `text,label\n${more.join('\n')}\n`);
});
afterAll(() => workspace.remove());

const args = (out: string, ...rest: string[]) => [
  ...['search', '--space', 'space.json', '--task', 'classification', '--data', 'more.csv', '--base', 'tiny'],
  ...['--eval-data', 'topics.csv', '--epochs', '4', '--eta', '2', '--trials', '5', '--threads', '1'],
  ...['--batch-size', '4', '--out', out, '--json', ...rest],
];
interface Found {
  best: { trial: number; out: string; score: number; settings: Record<string, unknown> };
  trials: { trial: number; status: string; best: number; epochs: number; settings: object }[];
  pushed?: { name: string; digest: string };
}
const search = async (out: string, ...rest: string[]) =>
  resultOf(await workspace.run(...args(out, ...rest))) as unknown as Found;
const lines = (out: string) => {
  const path = workspace.path(`${out}/search.jsonl`);
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n').slice(1, -1) : [];
};

test('a search that is killed twice goes on to the same ranking, adapter and journal', async () => {
  const whole = await search('whole');
  expect(whole.trials).toHaveLength(5);
  expect(whole.trials[0]).toMatchObject({ trial: whole.best.trial, status: 'finished', epochs: 4 });
  expect(whole.trials.some(({ status, epochs }) => status === 'paused' && epochs < 4)).toBe(true);
  for (const events of [6, 14]) {
    const running = workspace.start(...args('killed', '--resume'));
    await vi.waitFor(() => expect(lines('killed').length).toBeGreaterThan(events), {
      timeout: 40_000,
      interval: 5,
    });
    running.child.kill('SIGKILL');
    expect((await running.ended).signal).toBe('SIGKILL');
  }
  const resumed = await search('killed', '--resume');
  expect(resumed.trials).toEqual(whole.trials);
  expect({ ...resumed.best, out: '' }).toEqual({ ...whole.best, out: '' });
  const adapter = (out: string) => readFile(workspace.path(`${out}/adapter.safetensors`));
  expect((await adapter(resumed.best.out)).equals(await adapter(whole.best.out))).toBe(true);
  // What a kill repeated is there twice, nothing else is different.
  expect([...new Set(lines('killed'))]).toEqual(lines('whole'));
});

test('a stopped trial keeps its checkpoint, is gone on with from there, and more trials can follow', async () => {
  const first = await search('grown', '--trials', '2', '--parallel', '2');
  expect(first.trials).toHaveLength(2);
  for (const { trial } of first.trials)
    expect(readdirSync(workspace.path(`grown/trial-00${trial}`))).toContain('checkpoint.safetensors');
  expect(await readFile(workspace.path(`${first.best.out}/train.log`), 'utf8')).toMatch(
    /resumed after step 4\n/,
  );
  const pushed = await search(
    'grown',
    '--trials',
    '6',
    '--parallel',
    '3',
    '--resume',
    '--push',
    '--tenant',
    'acme',
    '--name',
    'found',
  );
  expect(pushed.trials.map(({ trial }) => trial).sort()).toEqual([0, 1, 2, 3, 4, 5]);
  expect(pushed.trials).toContainEqual(first.trials[0]);
  expect(pushed.pushed).toMatchObject({ name: 'found', alias: 'live' });
  const scored = resultOf(
    await workspace.run('evaluate', 'found', '--tenant', 'acme', '--data', 'topics.csv', '--json'),
  );
  expect((scored.metrics as Record<string, number>).accuracy).toBe(pushed.best.score);
  const table = await workspace.run(
    ...args('grown', '--trials', '6', '--resume').filter(arg => arg !== '--json'),
  );
  expect(table.stdout).toMatch(
    /\nrank +trial +status +score +epochs +settings\n1 +trial-00\d +finished +[\d.]+ +4 +learningRate /,
  );
});

test('a trial that fails is kept as failed and the search goes on; where all fail, the first reason is said', async () => {
  const write = (json: object) => workspace.write('failing.json', JSON.stringify(json));
  await write({ method: { choices: ['lora', 'bitfit'] }, rank: { choices: [2, 4] } });
  const result = await search('failing', '--space', 'failing.json', '--trials', '4');
  const failed = result.trials.filter(({ status }) => status === 'failed');
  expect(failed).toHaveLength(2);
  for (const each of failed)
    expect(each).toMatchObject({
      settings: { method: 'bitfit' },
      error: expect.stringContaining('--rank goes with'),
    });
  expect(result.trials[0]).toMatchObject({ status: 'finished', settings: { method: 'lora' } });
  await write({ method: { choices: ['bitfit', 'ia3'] }, rank: { choices: [2] } });
  const none = await workspace.run(...args('none', '--space', 'failing.json'));
  expect([none.code, none.stderr]).toEqual([
    1,
    expect.stringContaining('error: none of 2 trials finished: --rank goes with'),
  ]);
});

test('bad input is refused before anything is trained', async () => {
  const refused = async (code: 1 | 2, ...rest: string[]) => {
    const ran = await workspace.run(...args('bad', ...rest));
    return refusalOf({ ...ran, stderr: ran.stderr.replace(/^(?!error).*\n/gm, '') }, code);
  };
  const spaces: [object, 1 | 2, string][] = [
    [{ rank: { min: 8, max: 8, type: 'int' } }, 1, 'space2.json: rank: the range from 8 to 8 is empty'],
    [
      { 'learn-rate': { choices: [1] } },
      2,
      'space2.json: learn-rate is no option to search: learning-rate, ',
    ],
    [{ epochs: { choices: [1, 2] } }, 2, 'space2.json: epochs is what early stopping divides'],
    [
      { rank: { min: 2, max: 99, type: 'int' } },
      2,
      "the space's rank 99: It must be a whole number from 1 to 64.",
    ],
    [{ rank: { min: 2, max: 9 } }, 2, "the space's rank 4.199: It must be a whole number"],
    [
      { schedule: { choices: ['linear', 'square'] } },
      2,
      `the space's schedule "square": Allowed choices are`,
    ],
    [{ rsLora: { choices: [1] } }, 2, "the space's rs-lora 1: it must be true or false"],
  ];
  for (const [json, code, message] of spaces) {
    await workspace.write('space2.json', JSON.stringify(json));
    expect(await refused(code, '--space', 'space2.json')).toContain(message);
  }
  await workspace.write('space2.json', '{"rank": ');
  expect(await refused(1, '--space', 'space2.json')).toContain('space2.json:1: not valid JSON');
  expect(await refused(1, '--space', 'nowhere.json')).toContain('nowhere.json: no such file');
  expect(await refused(2, '--push')).toContain('--tenant and --name');
  expect(await refused(2, '--tenant', 'acme')).toContain('go with --push');
  expect(await refused(2, '--min-epochs', '5')).toBe('--min-epochs 5 is above --epochs 4');
  expect(await refused(2, '--eval-steps', '5')).toContain('--eval-steps: not of a search');
  expect(existsSync(workspace.path('bad'))).toBe(false);

  const without = args('bad').filter(arg => arg !== '--eval-data' && arg !== 'topics.csv');
  expect((await workspace.run(...without)).stderr).toContain(
    'error: a search compares trials on a dev split',
  );
});
