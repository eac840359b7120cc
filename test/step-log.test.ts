/** steps.jsonl: what a resumed run keeps of it. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openStepLog, type StepRecord } from '../trainer/step-log.ts';

let folder: string;
let path: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-steps-'));
  path = join(folder, 'steps.jsonl');
});
afterEach(() => rm(folder, { recursive: true }));

const record = (step: number): StepRecord => ({
  ...{ kind: 'step', step, epoch: 1, loss: 0.5, learningRate: 1e-3 },
  ...{ gradientNorm: 1, tokens: 7, milliseconds: 3.5 },
});
const evaluation = (step: number): StepRecord => ({
  ...{ kind: 'evaluation', step, epoch: 1, metrics: { accuracy: 0.75 } },
});
const linesOf = (...records: StepRecord[]) => records.map(entry => `${JSON.stringify(entry)}\n`).join('');

test.each<[string, string, string]>([
  [
    'what came after the checkpoint is cut off, its own evaluation is not',
    linesOf(record(1), record(2), evaluation(2), record(3), evaluation(3)),
    linesOf(record(1), record(2), evaluation(2)),
  ],
  ['half a line is cut off', `${linesOf(record(1))}{"kind":"step","st`, linesOf(record(1))],
  ['what is no record is cut off', `${linesOf(record(1))}\0\0\n${linesOf(record(2))}`, linesOf(record(1))],
  ['a file that ends before the checkpoint stays', linesOf(record(1)), linesOf(record(1))],
  ['an empty file stays', '', ''],
])('%s', async (_, before, kept) => {
  await writeFile(path, before);
  const log = await openStepLog(path, 2);
  expect(await readFile(path, 'utf8')).toBe(kept);
  log.add(record(3));
  log.close();
  expect(await readFile(path, 'utf8')).toBe(kept + linesOf(record(3)));
});

test('a run from the start begins a new file, at its first record', async () => {
  await writeFile(path, linesOf(record(1)));
  const log = await openStepLog(path, 0);
  await expect(readFile(path)).rejects.toThrow('ENOENT');
  log.add(evaluation(1));
  log.close();
  expect(await readFile(path, 'utf8')).toBe(linesOf(evaluation(1)));
});

test('a missing file of a resumed run begins anew', async () => {
  const log = await openStepLog(path, 5);
  log.add(record(6));
  log.close();
  expect(await readFile(path, 'utf8')).toBe(linesOf(record(6)));
});
