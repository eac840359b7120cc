/** promote and rollback: where an alias points afterwards, what is refused, and that a race has one winner. */
import { join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { parseReference } from '../../functions/artifacts/names.ts';
import { publishVersion, readAlias, setAlias } from '../../functions/artifacts/versions.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';
import { promote } from '../../trainer/commands/promote.ts';
import { rollback } from '../../trainer/commands/rollback.ts';
import { startShadow, stopShadow } from '../../trainer/commands/shadow.ts';
import { adapter, allKeys, scratch } from '../artifacts/manifest.ts';
import { refusalOf, resultOf, runTrainer } from './trainer.ts';

const tenant = 'acme';
const name = 'support';
const nowhere = 'f'.repeat(64);

let folder: string;
let store: Store;
/** Digests of three versions; `live` points to the first, `candidate` to the second, nothing to the third. */
let [first, second, third] = ['', '', ''];

beforeEach(async () => {
  folder = scratch();
  store = openDirectoryStore(join(folder, '.veneer'));
  const digests: string[] = [];
  for (const content of ['one', 'two', 'three'])
    digests.push((await publishVersion(store, { tenant, name, ...adapter(content) })).digest);
  [first, second, third] = digests as [string, string, string];
  await setAlias(store, { tenant, name, alias: 'live', digest: first });
  await setAlias(store, { tenant, name, alias: 'candidate', digest: second });
});

const standing = async (alias: string) => (await readAlias(store, { tenant, name, alias }))?.alias;
const moveTo = (reference: string, alias = 'live', on = store) =>
  promote(on, { tenant, reference: parseReference(reference), alias });
const moveBack = (alias = 'live', on = store) => rollback(on, { tenant, name, alias });
const trainer = (...args: string[]) => runTrainer([...args, '--tenant', tenant], { cwd: folder });

describe('promote', () => {
  test('points live at what another alias says, which stays where it is', async () => {
    const candidate = await standing('candidate');
    expect(await moveTo('support@candidate')).toEqual({
      ...{ tenant, name, alias: 'live', digest: second, previous: first },
    });
    expect(await standing('live')).toMatchObject({ digest: second, previous: first });
    expect(await standing('candidate')).toEqual(candidate);
  });

  test('points live at a digest', async () => {
    expect(await moveTo(`support@sha256:${third}`)).toMatchObject({ digest: third, previous: first });
    expect(await standing('live')).toMatchObject({ digest: third, previous: first });
  });

  test('makes an alias that was not there, with nothing before it', async () => {
    expect(await moveTo('support', 'stable')).toMatchObject({ digest: first, previous: null });
    expect(await standing('stable')).toMatchObject({ digest: first, previous: null });
  });

  test('of what the alias says already changes nothing, so that a rollback still goes where it went', async () => {
    await moveTo('support@candidate');
    const before = await standing('live');
    expect(await moveTo('support@candidate')).toMatchObject({ digest: second, previous: first });
    expect(await moveTo(`support@sha256:${second}`)).toMatchObject({ digest: second, previous: first });
    expect(await standing('live')).toEqual(before);
  });

  test.each([
    [`support@sha256:${nowhere}`, `no adapter support@sha256:${nowhere}`],
    ['support@canary', 'no adapter support@canary'],
    ['other@candidate', 'no adapter other@candidate'],
  ])('of %s, which is not there, is refused', async (reference, told) => {
    const before = await allKeys(store);
    await expect(moveTo(reference)).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining(told),
    });
    expect(await standing('live')).toMatchObject({ digest: first, previous: null });
    expect(await allKeys(store)).toEqual(before);
  });

  test('of another tenant’s version is refused like one that is nowhere', async () => {
    const { digest } = await publishVersion(store, { tenant: 'globex', name, ...adapter('theirs') });
    await setAlias(store, { tenant: 'globex', name, alias: 'theirs', digest });
    for (const reference of [`support@sha256:${digest}`, 'support@theirs'])
      await expect(moveTo(reference)).rejects.toMatchObject({ code: 'not_found' });
  });

  test.each(['support', 'support@live'])('of %s to live is refused, it goes nowhere', async reference => {
    await expect(moveTo(reference)).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining('support@live cannot be promoted to itself'),
    });
  });
});

describe('rollback', () => {
  test('goes back, and a second time forward again', async () => {
    await moveTo('support@candidate');
    expect(await moveBack()).toEqual({ tenant, name, alias: 'live', digest: first, previous: second });
    expect(await standing('live')).toMatchObject({ digest: first, previous: second });
    expect(await moveBack()).toMatchObject({ digest: second, previous: first });
    expect(await standing('live')).toMatchObject({ digest: second, previous: first });
  });

  test('goes one version back, not two', async () => {
    await moveTo(`support@sha256:${second}`);
    await moveTo(`support@sha256:${third}`);
    expect(await moveBack()).toMatchObject({ digest: second, previous: third });
  });

  test('moves the alias it is told to, and no other', async () => {
    await moveTo(`support@sha256:${third}`, 'candidate');
    const before = await standing('live');
    expect(await moveBack('candidate')).toMatchObject({ alias: 'candidate', digest: second });
    expect(await standing('live')).toEqual(before);
  });

  test('of an alias that has had one version only is refused', async () => {
    const before = await standing('live');
    await expect(moveBack()).rejects.toMatchObject({
      code: 'not_found',
      message: `support@live has pointed to nothing but sha256:${first}: promote another version instead`,
    });
    expect(await standing('live')).toEqual(before);
  });

  test('of an alias that is not there is refused', async () => {
    await expect(moveBack('canary')).rejects.toMatchObject({
      code: 'not_found',
      message: expect.stringContaining('no adapter support@canary'),
    });
  });

  test('to a version that has been deleted is refused, and the alias keeps what it serves', async () => {
    await moveTo('support@candidate');
    await store.delete(`tenants/${tenant}/adapters/${name}/versions/${first}/manifest.json`);
    await expect(moveBack()).rejects.toMatchObject({ code: 'not_found' });
    expect(await standing('live')).toMatchObject({ digest: second, previous: first });
  });
});

describe('a canary', () => {
  const share = (percent: number, reference = 'support@candidate', on = store) =>
    promote(on, { tenant, reference: parseReference(reference), alias: 'live', percent });

  test('answers a share, while live stays and a rollback still goes where it went', async () => {
    await moveTo(`support@sha256:${third}`);
    const before = (await standing('live'))!;
    expect(await share(10)).toEqual({
      ...{ tenant, name, alias: 'live', digest: third, previous: first },
      canary: { digest: second, percent: 10 },
    });
    expect(await standing('live')).toEqual({
      ...{ ...before, updatedAt: expect.any(String) },
      canary: { digest: second, percent: 10 },
    });
  });

  test('grows, and is promoted for good, which ends it', async () => {
    await share(10);
    await share(50);
    expect(await standing('live')).toMatchObject({ canary: { digest: second, percent: 50 } });
    expect(await moveTo('support@candidate')).toMatchObject({ digest: second, previous: first });
    expect(await standing('live')).not.toHaveProperty('canary');
  });

  test('of 100 % is a promotion', async () => {
    expect(await share(100)).toEqual({
      ...{ tenant, name, alias: 'live', digest: second, previous: first },
    });
  });

  test('is ended by a rollback, which goes back by itself the next time', async () => {
    await moveTo(`support@sha256:${third}`);
    await share(10);
    expect(await moveBack()).toEqual({
      ...{ tenant, name, alias: 'live', digest: third, previous: first },
      ended: { digest: second, percent: 10 },
    });
    expect(await standing('live')).not.toHaveProperty('canary');
    expect(await moveBack()).toMatchObject({ digest: first, previous: third });
  });

  test('is ended where what is live is promoted once more', async () => {
    await share(10);
    expect(await moveTo(`support@sha256:${first}`)).toMatchObject({ digest: first, previous: null });
    expect(await standing('live')).not.toHaveProperty('canary');
  });

  test.each([
    ['what is live', () => share(10, `support@sha256:${first}`), 'usage', 'there is nothing to try'],
    ['what is not there', () => share(10, `support@sha256:${nowhere}`), 'not_found', nowhere],
    ['an alias that is not there', () => promote(store, { tenant, reference: parseReference('support'), alias: 'new', percent: 5 }), 'not_found', 'support@new'],
    // biome-ignore format: a table
  ] as const)('of or for %s is refused', async (_what, move, code, told) => {
    const before = await standing('live');
    await expect(move()).rejects.toMatchObject({ code, message: expect.stringContaining(told) });
    expect(await standing('live')).toEqual(before);
  });

  test('of another task or another base is refused', async () => {
    for (const [changes, code] of [
      [{ task: 'sequence-labeling', labels: ['O'] }, 'wrong_task'],
      [{ base: { name: 'big', digest: nowhere, tokenizer: nowhere } }, 'digest_mismatch'],
    ] as const) {
      const { digest } = await publishVersion(store, { tenant, name, ...adapter('x', changes as object) });
      await expect(share(10, `support@sha256:${digest}`)).rejects.toMatchObject({ code });
      await expect(
        startShadow(store, { tenant, reference: { name, digest }, alias: 'live' }),
      ).rejects.toMatchObject({ code });
    }
    expect(await standing('live')).not.toHaveProperty('canary');
  });

  test('and another one at once: one wins, the other is told', async () => {
    const ended = await Promise.allSettled([share(10), share(20), share(30)]);
    const lost = ended.filter(({ status }) => status === 'rejected') as PromiseRejectedResult[];
    for (const { reason } of lost) expect(reason).toMatchObject({ code: 'conflict' });
    const won = ended.findIndex(({ status }) => status === 'fulfilled');
    expect(won).toBeGreaterThanOrEqual(0);
    const stands = (await standing('live'))!.canary!.percent;
    expect(ended[stands / 10 - 1]!.status).toBe('fulfilled');
  });
});

describe('a shadow', () => {
  const reference = () => parseReference('support@candidate');

  test('stands beside a canary, outlives its start, and is stopped alone', async () => {
    await promote(store, { tenant, reference: { name, digest: third }, alias: 'live', percent: 10 });
    expect(await startShadow(store, { tenant, reference: reference(), alias: 'live' })).toEqual({
      ...{ tenant, name, alias: 'live', digest: first, shadow: second },
    });
    await promote(store, { tenant, reference: { name, digest: third }, alias: 'live', percent: 20 });
    expect(await standing('live')).toMatchObject({
      ...{ digest: first, previous: null, shadow: second },
      canary: { digest: third, percent: 20 },
    });
    expect(await stopShadow(store, { tenant, name, alias: 'live' })).toMatchObject({ shadow: null });
    expect(await standing('live')).toMatchObject({ canary: { digest: third } });
    expect(await standing('live')).not.toHaveProperty('shadow');
  });

  test('is ended where the alias moves', async () => {
    await startShadow(store, { tenant, reference: reference(), alias: 'live' });
    await moveTo('support@candidate');
    expect(await standing('live')).not.toHaveProperty('shadow');
  });

  test('of an alias that is not there is neither started nor stopped', async () => {
    const alias = { tenant, name, alias: 'new' };
    await expect(startShadow(store, { ...alias, reference: reference() })).rejects.toMatchObject({
      code: 'not_found',
    });
    await expect(stopShadow(store, alias)).rejects.toMatchObject({ code: 'not_found' });
  });
});

describe('an alias that someone else moves in between', () => {
  /** The store, but right after the first look at live another moves it to the third version. */
  const raced = (): Store => {
    let isFirst = true;
    return {
      ...store,
      async get(key) {
        const found = await store.get(key);
        if (isFirst && key.endsWith('/aliases/live.json')) {
          isFirst = false;
          await setAlias(store, { tenant, name, alias: 'live', digest: third });
        }
        return found;
      },
    };
  };

  test.each([
    ['promote', () => moveTo('support@candidate', 'live', raced())],
    ['rollback', () => moveBack('live', raced())],
  ])('%s is told to what, and leaves it there', async (_command, move) => {
    await moveTo(`support@sha256:${second}`);
    await moveTo(`support@sha256:${first}`);
    await expect(move()).rejects.toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(`now points to sha256:${third}`),
    });
    expect(await standing('live')).toMatchObject({ digest: third, previous: first });
  });

  test('two rollbacks that both begin before either ends go back once, not there and back', async () => {
    await moveTo('support@candidate');
    let waiting = 0;
    let release = () => {};
    const both = new Promise<void>(resolve => {
      release = resolve;
    });
    const meeting: Store = {
      ...store,
      async get(key) {
        const found = await store.get(key);
        if (key.includes('/aliases/') && waiting < 2) {
          if (++waiting === 2) release();
          await both;
        }
        return found;
      },
    };
    const ended = await Promise.all([moveBack('live', meeting), moveBack('live', meeting)]);
    expect(ended.map(({ digest }) => digest)).toEqual([first, first]);
    expect(await standing('live')).toMatchObject({ digest: first, previous: second });
  });
});

describe('on the command line', () => {
  test('an adapter is deleted only by --yes, and its files are collected afterwards', async () => {
    const refusal = refusalOf(await trainer('adapters', 'delete', 'support'), 2);
    expect(refusal).toContain('support has 3 versions and the aliases candidate, live: add --yes');
    expect(await standing('live')).toBeDefined();
    expect(resultOf(await trainer('adapters', 'delete', 'support', '--yes', '--json'))).toEqual({
      ...{ tenant, name, aliases: ['candidate', 'live'] },
      versions: [first, second, third].sort(),
    });
    const gone = refusalOf(await trainer('adapters', 'delete', 'support', '--yes'));
    expect(gone).toBe(refusalOf(await trainer('adapters', 'support')));
    expect(gone.replaceAll('support', 'never')).toBe(refusalOf(await trainer('adapters', 'never')));
    expect((await trainer('adapters')).stdout).toBe('no adapters\n');
    expect((await trainer('adapters', 'gc', '--dry-run')).stdout).toContain('3 files would be removed\n');
    expect(resultOf(await trainer('adapters', 'gc', '--json'))).toMatchObject({
      ...{ tenant, dryRun: false },
      files: expect.objectContaining({ length: 3 }),
    });
    expect(await allKeys(store)).toEqual([]);
  });

  test('each prints what the alias is now as one line of JSON', async () => {
    expect(resultOf(await trainer('promote', 'support@candidate', '--json'))).toEqual({
      ...{ tenant, name, alias: 'live', digest: second, previous: first },
    });
    expect(resultOf(await trainer('rollback', 'support', '--json'))).toEqual({
      ...{ tenant, name, alias: 'live', digest: first, previous: second },
    });
  });

  test('each says it to people', async () => {
    const { code, stdout } = await trainer('promote', `support@sha256:${third}`, '--alias', 'candidate');
    expect([code, stdout]).toEqual([0, `support@candidate -> sha256:${third}\n`]);
    const shared = await trainer('promote', 'support@candidate', '--percent', '2.5');
    expect([shared.code, shared.stdout]).toEqual([
      0,
      `support@live -> sha256:${first}, 2.5 % of requests -> sha256:${third}\n`,
    ]);
    const shadowed = await trainer('shadow', `support@sha256:${second}`);
    expect([shadowed.code, shadowed.stdout]).toEqual([
      0,
      `support@live -> sha256:${first}, shadow sha256:${second}\n`,
    ]);
    const described = await trainer('adapters', 'support');
    expect(described.stdout).toMatch(
      new RegExp(
        `^@live -> sha256:${first} \\(.+\\), 2.5 % -> sha256:${third}, shadow sha256:${second}$`,
        'm',
      ),
    );
    const unshadowed = await trainer('shadow', 'support', '--stop');
    expect(unshadowed.stdout).toBe(`support@live -> sha256:${first}, no shadow\n`);
    const ended = await trainer('rollback', 'support');
    expect(ended.stdout).toBe(`support@live -> sha256:${first} (canary sha256:${third} ended)\n`);
    const back = await trainer('rollback', 'support', '--alias', 'candidate');
    expect([back.code, back.stdout]).toEqual([
      0,
      `support@candidate -> sha256:${second} (was sha256:${third}; again to go forward)\n`,
    ]);
  });

  test.each<[args: string[], code: 1 | 2, told: string]>([
    [['promote', 'support@sha256:abc'], 1, 'is no adapter reference'],
    [['promote', '../globex@live'], 1, 'is no adapter reference'],
    [['promote', 'support@candidate', '--alias', 'Live'], 1, 'an alias: '],
    [['promote', 'support@live'], 2, 'cannot be promoted to itself'],
    [['promote', 'support@candidate', '--percent', '0'], 2, 'a number above 0 and at most 100'],
    [['promote', 'support@candidate', '--percent', '101'], 2, 'a number above 0 and at most 100'],
    [['promote', `support@live`, '--alias', 'candidate', '--percent', 'x'], 2, 'a number above 0'],
    [['shadow', 'support@live'], 2, 'there is nothing to try'],
    [['shadow'], 2, "missing required argument 'version'"],
    [['promote'], 2, "missing required argument 'version'"],
    [['rollback', 'support@live'], 1, 'an adapter name: '],
    [['rollback', 'support'], 1, 'promote another version instead'],
  ])('%j is refused in one line', async (args, code, told) => {
    expect(refusalOf(await trainer(...args), code)).toContain(told);
    expect(await standing('live')).toMatchObject({ digest: first, previous: null });
  });

  test.each(['promote support@candidate', 'rollback support'])('%s needs a tenant', async line => {
    expect(refusalOf(await runTrainer(line.split(' '), { cwd: folder }), 2)).toContain(
      "required option '--tenant <tenant>'",
    );
  });
});
