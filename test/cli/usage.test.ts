/** Wrong usage: exit code 2, and one line that says what would be right. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { refusalOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
});
afterAll(() => workspace.remove());

const train = 'train --task classification --data topics.csv --base tiny --out run';
const push = 'push-adapter adapter --tenant acme --name topic';

test.concurrent.each([
  ['bogus', "unknown command 'bogus'"],
  ['keys bogus', "unknown command 'bogus'"],
  [`${train} --bogus`, "unknown option '--bogus'"],
  [`${train} --epoch 3`, 'Did you mean --epochs?'],
  [`${train} extra`, 'too many arguments'],
  ['train --task classification --data topics.csv --base tiny', "required option '--out <directory>'"],
  ['evaluate adapter', '--data is missing'],
  ['evaluate --data topics.csv', 'name the adapter, or say --all-tasks RUN=DATA'],
  ['evaluate nowhere --data topics.csv', 'say --tenant'],
  ['push-adapter adapter --name topic', "required option '--tenant <tenant>'"],
  ['keys create', "required option '--tenant <tenant>'"],
  [`${train} --task sorting`, 'classification, sequence-labeling, question-answering'],
  [`${train} --epochs 0`, 'a whole number from 1 to 10000'],
  [`${train} --epochs 1.5`, 'a whole number from 1 to 10000'],
  [`${train} --learning-rate 0`, 'a number above 0 and at most 10'],
  [`${train} --learning-rate 1e38`, 'a number above 0 and at most 10'],
  [`${train} --rank 65`, 'a whole number from 1 to 64'],
  [`${train} --seed 4294967296`, 'from 0 to 4294967295'],
  [`${train} --target-modules q,x`, 'out of q,k,v,o,u,d'],
  [`${train} --quantization int4`, 'int8, float16, float32'],
  [`${train} --max-length 65`, 'the base takes 64 tokens at most'],
  [`${train} --max-length 64 --stride 32`, 'under half of --max-length 64'],
  [`${train} --store nonsense`, 'write file:DIRECTORY or s3://BUCKET/PREFIX'],
  [`${push} --min-metric accuracy`, 'metric=value'],
  [`${push} --min-metric accuracy=1.2.3`, 'metric=value'],
  [`${push} --max-drop 2`, 'a number from 0 to 1'],
  ['keys create --tenant acme --scope read', 'out of predict,push,admin'],
  ['keys create --tenant acme --expires tomorrow', 'a date, e.g.'],
  ['keys create --tenant acme --rate 0', 'a whole number from 1'],
  ['usage show --tenant acme --month 2027-13', 'a month, e.g. 2027-12'],
  ['pull-base nothing', 'give a name (minilm-l6), a directory, or a hub id'],
  ['pull-base tiny --name Tiny', 'lower-case letters'],
  ['serve --port 65536', 'a whole number from 0 to 65535'],
])('%s', async (line, told) => {
  expect(refusalOf(await workspace.run(...line.split(' ')), 2)).toContain(told);
});

test.concurrent.each([[''], ['keys']])(
  'no command at all after "trainer %s" shows the commands',
  async line => {
    const ran = await workspace.run(...line.split(' ').filter(Boolean));
    expect(ran).toMatchObject({ code: 2, stdout: '', stderr: expect.stringContaining('Commands:') });
  },
);

describe('with --json a failure is a line of JSON too', () => {
  test.concurrent.each([
    [`${train} --bogus --json`, 2, 'usage'],
    [`${train} --max-length 65 --json`, 2, 'usage'],
    [`${train} --data nowhere.csv --json`, 1, 'invalid_data'],
    [`${train} --base nothing --json`, 1, 'not_found'],
    ['adapters topic --tenant nobody --json', 1, 'not_found'],
  ])('%s', async (line, exitCode, code) => {
    const ran = await workspace.run(...line.split(' '));
    expect(ran.code).toBe(exitCode);
    expect(ran.stdout).toMatch(/^[^\n]+\n$/);
    const { error } = JSON.parse(ran.stdout);
    expect(error).toEqual({ code, message: expect.any(String) });
    expect(ran.stderr).toContain(`error: ${error.message}\n`);
  });
});
