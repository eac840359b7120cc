import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import { readPlan, writePlan } from '../../trainer/jobs/plan.ts';
import { argumentsOf, readRunLines } from '../../trainer/jobs/run-options.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-plan-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('a plan', () => {
  const runs = [
    ['--task', 'classification', '--out', 's3://b/runs/a b'],
    ['--label-separator', '|', '--out', 's3://b/runs/ü'],
  ];

  it('is read as it was written, under the digest of its bytes', async () => {
    const store = openDirectoryStore(folder);
    const digest = await writePlan(store, runs);
    const file = join(folder, `jobs/${digest}.json`);
    expect(sha256(await readFile(file))).toBe(digest);
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ formatVersion: 1, runs });
    expect(await writePlan(store, runs)).toBe(digest);
    expect(await readPlan(store, digest)).toEqual({ formatVersion: 1, runs });
    expect(await writePlan(store, [...runs].reverse())).not.toBe(digest);
  });

  it('is refused where one byte is another, or where it is not there', async () => {
    const store = openDirectoryStore(folder);
    const digest = await writePlan(store, [['--seed', '7']]);
    const file = join(folder, `jobs/${digest}.json`);
    await writeFile(file, (await readFile(file, 'utf8')).replace('7', '8'));
    await expect(readPlan(store, digest)).rejects.toMatchObject({ code: 'digest_mismatch' });
    await rm(file);
    await expect(readPlan(store, digest)).rejects.toMatchObject({ code: 'not_found' });
    await expect(readPlan(store, digest.toUpperCase())).rejects.toMatchObject({ code: 'usage' });
  });
});

describe('options of a run', () => {
  it('become the words of a command line, however their names are written', () => {
    const options = {
      'learning-rate': 0.001,
      headLearningRate: 1e-7,
      rsLora: true,
      'auto-batch': false,
      data: 's3://a b',
    };
    expect(argumentsOf(options, 'x')).toEqual([
      ...['--learning-rate', '0.001', '--head-learning-rate', '1e-7', '--rs-lora', '--data', 's3://a b'],
    ]);
  });

  it('come a line each, with the line for messages', () => {
    expect(readRunLines('{"seed": 1}\n\n{"seed": 2}\r\n', 'runs.jsonl')).toEqual([
      { where: 'runs.jsonl:1', args: ['--seed', '1'] },
      { where: 'runs.jsonl:3', args: ['--seed', '2'] },
    ]);
  });

  it.each([
    ['', /^runs.jsonl: no run in it$/],
    [' \n\n', /^runs.jsonl: no run in it$/],
    ['{}\n[1]', /^runs.jsonl:2: an array, an object of options is expected$/],
    ['"text"', /^runs.jsonl:1: a string, an object/],
    ['null', /^runs.jsonl:1: null, an object/],
    ['{}\n{"seed": }', /^runs.jsonl:2: not valid JSON at column 10$/],
    ['{"seed": null}', /^runs.jsonl:1: seed is null: a text, a number, true or false is expected$/],
    ['{"split": [0.1]}', /^runs.jsonl:1: split is an array: a text/],
    ['{"columns": {}}', /^runs.jsonl:1: columns is an object: a text/],
  ])('%j is refused', (text, message) => {
    expect(() => readRunLines(text, 'runs.jsonl')).toThrow(message);
  });
});
