/** Every command once, as it should go. */
import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeUsage } from '../../functions/usage/document.ts';
import { resultOf, runTrainer } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
});
afterAll(() => workspace.remove());

const digest = expect.stringMatching(/^[0-9a-f]{64}$/);
const accuracy = { accuracy: expect.any(Number), f1_macro: expect.any(Number), f1_micro: expect.any(Number) };

describe('with --json, a command ends with one line of JSON', () => {
  test('pull-base', async () => {
    const result = resultOf(await workspace.run('pull-base', 'tiny', '--name', 'other', '--json'));
    expect(result).toEqual({ base: 'other', digest });
  });

  test('pull-base of a base that is there already', async () => {
    const again = await workspace.run('pull-base', 'tiny', '--json');
    expect(resultOf(again)).toEqual({ base: 'tiny', digest });
    expect(again.stderr).toContain('already there');
  });

  test('train, with what it says on the way on stderr', async () => {
    const ran = await workspace.train('topics.csv', '--eval-data', 'topics.csv', '--json');
    expect(resultOf(ran)).toEqual({
      out: 'run',
      task: 'classification',
      metrics: accuracy,
      steps: 1,
      seconds: expect.any(Number),
      stepMsMedian: expect.any(Number),
      peakRssMb: expect.any(Number),
    });
    expect(ran.stderr).toContain('4 examples in 4 windows, 3 labels');
  });

  test('train without a dev set has no metrics', async () => {
    expect(resultOf(await workspace.train('topics.csv', '--json'))).toMatchObject({ metrics: {} });
  });

  test('evaluate', async () => {
    const result = resultOf(await workspace.run('evaluate', 'adapter', '--data', 'topics.csv', '--json'));
    expect(result).toEqual({ task: 'classification', examples: 4, metrics: accuracy });
  });

  test('push-adapter, adapters and evaluate of the pushed one', async () => {
    const owner = ['--tenant', 'acme', '--json'];
    const pushed = resultOf(await workspace.run('push-adapter', 'adapter', '--name', 'topic', ...owner));
    expect(pushed).toEqual({ tenant: 'acme', name: 'topic', digest, alias: 'live' });
    expect(resultOf(await workspace.run('adapters', ...owner))).toEqual({
      tenant: 'acme',
      adapters: [{ name: 'topic', versions: 1, aliases: ['live'] }],
    });
    expect(resultOf(await workspace.run('adapters', 'topic', ...owner))).toMatchObject({
      tenant: 'acme',
      name: 'topic',
      versions: [{ digest: pushed.digest, task: 'classification', metrics: { served: accuracy } }],
      aliases: { live: { digest: pushed.digest, previous: null } },
    });
    const fromDirectory = resultOf(
      await workspace.run('evaluate', 'adapter', '--data', 'topics.csv', '--json'),
    );
    for (const reference of ['topic', 'topic@live', `topic@sha256:${pushed.digest}`])
      expect(resultOf(await workspace.run('evaluate', reference, '--data', 'topics.csv', ...owner))).toEqual(
        fromDirectory,
      );
  });

  test('a tenant names an adapter of the store, also where a folder has the same name', async () => {
    const { code, stderr } = await workspace.run(
      ...['evaluate', 'adapter', '--data', 'topics.csv', '--tenant', 'acme'],
    );
    expect({ code, stderr }).toEqual({ code: 1, stderr: expect.stringContaining('adapter@live') });
  });

  test('keys create, list and revoke', async () => {
    const owner = ['--tenant', 'bolt', '--json'];
    const made = resultOf(
      await workspace.run('keys', 'create', ...owner, '--scope', 'push,predict', '--expires', '2999-12-31'),
    );
    const record = {
      tenant: 'bolt',
      scopes: ['predict', 'push'],
      createdAt: expect.any(String),
      expiresAt: '2999-12-31T00:00:00.000Z',
      hash: digest,
    };
    expect(made).toEqual({ key: expect.stringMatching(/^vn_bolt_[\w-]{43}$/), id: digest, ...record });
    expect(resultOf(await workspace.run('keys', 'list', ...owner))).toEqual({
      tenant: 'bolt',
      keys: [{ id: made.id, ...record }],
    });
    const revoked = await workspace.run('keys', 'revoke', made.key as string, ...owner);
    expect(resultOf(revoked)).toEqual({ tenant: 'bolt', revoked: true });
    expect(resultOf(await workspace.run('keys', 'list', ...owner))).toEqual({ tenant: 'bolt', keys: [] });
  });

  test('keys create with rates', async () => {
    const create = ['keys', 'create', '--tenant', 'fern', '--rate', '600'];
    expect(resultOf(await workspace.run(...create, '--json'))).toMatchObject({
      rate: { requestsPerMinute: 600, tokensPerMinute: null },
    });
    await workspace.run(...create, '--token-rate', '90000', '--scope', 'admin');
    const { stdout } = await workspace.run('keys', 'list', '--tenant', 'fern');
    expect(stdout).toMatch(/predict {2}never expires {2}600 requests\/min\n/);
    expect(stdout).toMatch(/admin {2}never expires {2}600 requests\/min {2}90000 tokens\/min\n/);
  });

  test('usage show and compact', async () => {
    const place = ['--tenant', 'fern', '--month', '2001-02'];
    const counts = { requests: 2, tokens: 30, windows: 2 };
    for (const writer of ['one', 'two'])
      await writeUsage(workspace.store, {
        ...{ tenant: 'fern', month: '2001-02', writer },
        usage: new Map([['topic', counts]]),
      });
    const shown = {
      ...{ tenant: 'fern', month: '2001-02' },
      adapters: [{ name: 'topic', requests: 4, tokens: 60, windows: 4 }],
    };
    expect(resultOf(await workspace.run('usage', 'show', ...place, '--json'))).toEqual(shown);
    const compacted = await workspace.run('usage', 'compact', ...place, '--json');
    expect(resultOf(compacted)).toEqual({ tenant: 'fern', month: '2001-02', compacted: 2 });
    expect(resultOf(await workspace.run('usage', 'show', ...place, '--json'))).toEqual(shown);
    const thisMonth = new Date().toISOString().slice(0, 7);
    const early = await workspace.run('usage', 'compact', '--tenant', 'fern', '--month', thisMonth);
    expect(early).toMatchObject({ code: 1, stderr: expect.stringContaining('may still be counted in') });
  });
});

test('without --json, a command says it in words on stdout and nothing on stderr', async () => {
  const evaluated = await workspace.run('evaluate', 'adapter', '--data', 'topics.csv');
  expect(evaluated).toMatchObject({
    code: 0,
    stdout: expect.stringMatching(/^4 examples\naccuracy \d\.\d{4}\nf1_macro .*\nf1_micro .*\n$/),
    stderr: '',
  });
  const created = await workspace.run('keys', 'create', '--tenant', 'corp');
  expect(created.stdout).toMatch(/^vn_corp_[\w-]{43}\n$/);
});

test('the same command again gives the same bytes', async () => {
  await workspace.train('topics.csv', '--eval-data', 'topics.csv', '--out', 'again');
  for (const file of ['manifest.json', 'adapter.safetensors'])
    expect(await readFile(workspace.path(`again/${file}`))).toEqual(
      await readFile(workspace.path(`adapter/${file}`)),
    );
});

test('the store is --store, else VENEER_STORE, else .veneer', async () => {
  const { folder: cwd } = workspace;
  const keysIn = async (env: NodeJS.ProcessEnv, ...args: string[]) =>
    (
      resultOf(await runTrainer(['keys', 'list', '--tenant', 'dune', '--json', ...args], { cwd, env })) as {
        keys: unknown[];
      }
    ).keys.length;
  const elsewhere = { VENEER_STORE: 'file:else where' };
  await runTrainer(['keys', 'create', '--tenant', 'dune'], { cwd, env: elsewhere });
  expect(await keysIn(elsewhere)).toBe(1);
  expect(await keysIn({})).toBe(0);
  expect(await keysIn(elsewhere, '--store', 'file:.veneer')).toBe(0);
  expect(await keysIn({}, '--store', 'file:else where')).toBe(1);
});

const commands = [
  'pull-base',
  'train',
  'evaluate',
  'push-adapter',
  'export',
  'promote',
  'rollback',
  'shadow',
  'usage show',
  'usage compact',
  'adapters list',
  'adapters delete',
  'adapters gc',
  'keys create',
  'keys list',
  'keys revoke',
  'report',
  'compare',
  'serve',
];

test.concurrent.each(commands)('%s --help says what it takes', async command => {
  const { code, stdout, stderr } = await workspace.run(...command.split(' '), '--help');
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(new RegExp(`^Usage: trainer ${command} `));
  for (const option of ['--store', '--json', '--help']) expect(stdout).toContain(option);
});

test.concurrent.each([[['--help']], [['help']], [['keys', '--help']], [['help', 'train']]])(
  'trainer %j is help too',
  async args => {
    const { code, stdout, stderr } = await workspace.run(...args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^Usage: trainer /);
  },
);
