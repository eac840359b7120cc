/** train --from: what is gone on from, what happens to its labels, and what is refused. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { headNames } from '../../functions/artifacts/modules.ts';
import { float32, readSafetensors } from '../../functions/artifacts/safetensors.ts';
import { writeTinyBase } from '../tiny-base.ts';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
  await workspace.write('people.conll', 'mara B-PER\nlives O\nin O\noslo B-LOC\n\njonas B-PER\nworks O\n');
  await workspace.write(
    'more.csv',
    'text,label\nhate it,angry\nparcel late,parcel\nthanks,praise\nrefund,refund\n',
  );
  resultOf(
    await workspace.train(
      ...([
        'topics.csv',
        '--out',
        'first',
        '--rank',
        '4',
        '--target-modules',
        'q,v',
        '--alpha',
        '6',
      ] as const),
      ...['--quantization', 'float32', '--max-length', '40', '--stride', '9', '--epochs', '20', '--json'],
    ),
  );
  const push = ['--tenant', 'acme', '--name', 'topic', '--json'];
  resultOf(await workspace.run('push-adapter', 'first', ...push));
  resultOf(await workspace.run('export', 'first', '--out', 'first-peft', '--json'));
});
afterAll(() => workspace.remove());

/** A rate that moves nothing: what is stored is what was begun with. */
const still = ['--learning-rate', '1e-12', '--quantization', 'float32', '--json'];
const json = async (file: string) => JSON.parse(await readFile(workspace.path(file), 'utf8'));
const valuesOf = async (out: string) =>
  new Map(
    [...readSafetensors(await readFile(workspace.path(`${out}/adapter.safetensors`)), out)].map(
      ([name, tensor]) => [name, float32(tensor).slice()],
    ),
  );

function expectClose(actual: Float32Array, expected: Float32Array) {
  expect(actual.length).toBe(expected.length);
  actual.forEach((value, i) => {
    expect(Math.abs(value - expected[i]!)).toBeLessThan(1e-8);
  });
}

describe('goes on with the values, settings and windows', () => {
  test.each([
    ['a directory of train', 'first', []],
    ['an adapter in the store', 'topic', ['--tenant', 'acme']],
    ['a PEFT directory that was exported', 'first-peft', []],
  ])('of %s', async (title, from, args) => {
    const out = `from ${title}`;
    resultOf(await workspace.train('topics.csv', '--out', out, '--from', from, ...args, ...still));
    const [values, before] = [await valuesOf(out), await valuesOf('first')];
    expect([...values.keys()]).toEqual([...before.keys()]);
    for (const [name, data] of before) expectClose(values.get(name)!, data);
    const manifest = await json(`${out}/manifest.json`);
    expect(manifest).toMatchObject({
      ...{ lora: { rank: 4, alpha: 6, targetModules: ['q', 'v'] }, maxLength: 40, stride: 9 },
      labels: ['parcel', 'praise', 'refund'],
      training: { config: { from: expect.stringMatching(/^[0-9a-f]{64}$/) } },
    });
    if (from !== 'first-peft')
      expect(manifest.training.config.from).toBe(
        sha256(await readFile(workspace.path('first/manifest.json'))),
      );
  });

  test('of a run of another method', async () => {
    resultOf(await workspace.train('topics.csv', '--method', 'bitfit', '--out', 'bits', '--json'));
    resultOf(await workspace.train('topics.csv', '--from', 'bits', '--out', 'bits 2', ...still));
    const [before, after] = await Promise.all(
      ['bits', 'bits 2'].map(async out =>
        readSafetensors(await readFile(workspace.path(`${out}/parameters.safetensors`)), out),
      ),
    );
    for (const [name, tensor] of before!) expectClose(float32(after!.get(name)!), float32(tensor));
  });
});

test('it is already good before it learns anything new', async () => {
  const args = [
    'topics.csv',
    '--eval-data',
    'topics.csv',
    '--epochs',
    '60',
    '--learning-rate',
    '0.01',
  ] as const;
  const { metrics } = resultOf(await workspace.train(...args, '--out', 'good', '--json'));
  expect(metrics).toMatchObject({ accuracy: 1 });
  const again = await workspace.train(
    args[0],
    args[1],
    args[2],
    '--from',
    'good',
    '--out',
    'good 2',
    ...still,
  );
  expect(resultOf(again).metrics).toMatchObject({ accuracy: 1 });
});

test('new labels come behind the old ones, whose rows stay as they were', async () => {
  resultOf(await workspace.train('more.csv', '--from', 'first', '--out', 'grown', ...still));
  const { labels } = await json('grown/manifest.json');
  // `angry` comes first in the data's own order.
  expect(labels).toEqual(['parcel', 'praise', 'refund', 'angry']);
  const [values, before] = [await valuesOf('grown'), await valuesOf('first')];
  const { weight, bias } = headNames('bert', 'classification');
  const old = before.get(weight)!;
  const grown = values.get(weight)!;
  expect(grown.length).toBe((old.length / 3) * 4);
  expectClose(grown.slice(0, old.length), old);
  expect(new Set(grown.slice(old.length)).size).toBeGreaterThan(10);
  expectClose(values.get(bias)!.slice(0, 3), before.get(bias)!);
});

describe('refused, with both sides named', () => {
  const refused = async (data: string, ...args: string[]) => {
    const ran = await workspace.train(data, '--out', 'refused', ...args);
    expect(ran.code).not.toBe(0);
    return refusalOf(ran, ran.code as 1 | 2);
  };

  test('another base', async () => {
    await writeTinyBase(workspace.path('other'), 2);
    resultOf(await workspace.run('pull-base', 'other', '--json'));
    expect(await refused('topics.csv', '--from', 'first', '--base', 'other')).toMatch(
      /adapter first was trained on base tiny \(digest .{12}\), but other \(digest .{12}\)/,
    );
  });

  test.each<[string, string[], string]>([
    ['people.conll', [], '--from first has task classification, this run has task sequence-labeling'],
    ['topics.csv', ['--method', 'bitfit'], '--from first has method lora, this run has method bitfit'],
    ['topics.csv', ['--rank', '8'], '--from first has rank 4, this run has rank 8'],
    ['topics.csv', ['--alpha', '7'], '--from first has alpha 6, this run has alpha 7'],
    [
      'topics.csv',
      ['--target-modules', 'q,k'],
      '--from first has target modules q,v, this run has target modules q,k',
    ],
  ])('%s %j', async (data, args, told) => {
    expect(await refused(data, '--from', 'first', ...args)).toBe(told);
  });

  test('data that lacks one of its labels', async () => {
    await workspace.write('less.csv', 'text,label\nlate,parcel\nthanks,praise\n');
    expect(await refused('less.csv', '--from', 'first')).toBe(
      '--from first has label "refund", of which the data has no example (it has "parcel", "praise"): add some, or say --replay, --ewc or --orthogonal',
    );
  });

  test('what is not there, or is no training', async () => {
    expect(await refused('topics.csv', '--from', 'nothing')).toMatch(/nothing is no directory; .*--tenant/);
    expect(await refused('topics.csv', '--from', 'tiny')).toMatch(/tiny holds no manifest\.json/);
    expect(await refused('topics.csv', '--from', 'topic', '--tenant', 'other')).toMatch(/no adapter topic/);
  });
});
