/** push-adapter: what is refused, and that the alias is always whole whoever else pushes or dies. */
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { readSafetensors, type TensorData, writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { loadVersion, readAlias } from '../../functions/artifacts/versions.ts';
import { publish } from '../../functions/publish.ts';
import type { Store } from '../../functions/store/store.ts';
import { readAdapterDirectory } from '../../trainer/adapter-directory.ts';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
/** Two adapters besides `adapter`, and their digests. */
const digests: Record<string, string> = {};
beforeAll(async () => {
  workspace = await openWorkspace();
  for (const seed of ['2', '3'])
    resultOf(await workspace.train('topics.csv', '--seed', seed, '--out', `seed ${seed}`, '--json'));
  for (const name of ['adapter', 'seed 2', 'seed 3'])
    digests[name] = sha256(await readFile(workspace.path(`${name}/manifest.json`)));
});
afterAll(() => workspace.remove());

const push = (directory: string, tenant: string, ...args: string[]) =>
  workspace.run('push-adapter', directory, '--tenant', tenant, '--name', 'topic', ...args);
const live = async (tenant: string) =>
  (await readAlias(workspace.store, { tenant, name: 'topic', alias: 'live' }))?.alias;
const gates = { name: 'topic', alias: 'live', minMetrics: {} };

async function variant(name: string, edit: (folder: string) => Promise<void>): Promise<string> {
  await cp(workspace.path('adapter'), workspace.path(name), { recursive: true });
  await edit(workspace.path(name));
  return name;
}

async function rewriteManifest(folder: string, changes: object): Promise<void> {
  const manifest = JSON.parse(await readFile(`${folder}/manifest.json`, 'utf8'));
  await writeFile(`${folder}/manifest.json`, JSON.stringify({ ...manifest, ...changes }));
}

describe('what is not a whole adapter is neither pushed nor evaluated', () => {
  const both = async (name: string, told: string) => {
    expect(refusalOf(await push(name, 'whole'))).toContain(told);
    expect(refusalOf(await workspace.run('evaluate', name, '--data', 'topics.csv'))).toContain(told);
    expect(await live('whole')).toBeUndefined();
  };

  test('a directory without a manifest, as a run that diverged or was stopped leaves it', async () => {
    const name = await variant('unfinished', folder => rm(`${folder}/manifest.json`));
    expect(await readdir(workspace.path(name))).toContain('checkpoint.safetensors');
    await both(name, 'unfinished holds no manifest.json');
  });

  test('a directory without its tensors', async () => {
    await both(
      await variant('bare', folder => rm(`${folder}/adapter.safetensors`)),
      'bare/adapter.safetensors is missing',
    );
  });

  test('one flipped byte', async () => {
    const name = await variant('flipped', async folder => {
      const bytes = await readFile(`${folder}/adapter.safetensors`);
      bytes[bytes.length - 1]! ^= 1;
      await writeFile(`${folder}/adapter.safetensors`, bytes);
    });
    await both(name, 'flipped/adapter.safetensors is not the file that manifest.json names');
  });

  test.each([
    ['missing', (tensors: Map<string, TensorData>, name: string) => tensors.delete(name)],
    [
      'not part of the adapter',
      (tensors: Map<string, TensorData>, name: string) => tensors.set(`${name}.extra`, tensors.get(name)!),
    ],
  ])('a tensor that is %s, though every digest is right', async (problem, edit) => {
    const name = await variant(`tensor ${problem}`, async folder => {
      const tensors = new Map<string, TensorData>(
        readSafetensors(await readFile(`${folder}/adapter.safetensors`), 'adapter'),
      );
      edit(tensors, [...tensors.keys()].find(key => key.includes('lora_A') && !key.endsWith('.scale'))!);
      const file = writeSafetensors(tensors);
      await writeFile(`${folder}/adapter.safetensors`, file);
      await rewriteManifest(folder, {
        files: { 'adapter.safetensors': { sha256: sha256(file), bytes: file.length } },
      });
    });
    await both(name, `is ${problem}`);
  });

  test('a manifest that is no JSON, or lacks a field', async () => {
    const broken = await variant('broken', folder => writeFile(`${folder}/manifest.json`, '{'));
    await both(broken, 'broken/manifest.json: ');
    const lacking = await variant('lacking', folder => rewriteManifest(folder, { labels: undefined }));
    await both(lacking, 'lacking/manifest.json: labels: ');
  });

  test('an adapter whose base the store lacks', async () => {
    expect(refusalOf(await push('adapter', 'whole', '--store', 'file:empty'))).toContain(
      'the store has no base tiny',
    );
  });
});

describe('gates', () => {
  test('refuse with the numbers and leave the alias where it was', async () => {
    resultOf(await push('adapter', 'gates', '--json'));
    const before = await live('gates');
    const good = { accuracy: 0.9, f1_macro: 0.5 };
    const name = await variant('dropped', folder =>
      rewriteManifest(folder, { metrics: { trained: good, served: { ...good, accuracy: 0.875 } } }),
    );
    for (const [args, told] of [
      [['--min-metric', 'accuracy=0.88'], 'accuracy is 0.875 as served, under the least of 0.88: not pushed'],
      [['--min-metric', 'accuracy=0.8', '--min-metric', 'f1_macro=0.6'], 'f1_macro is 0.5'],
      [
        ['--min-metric', 'recall=0.1'],
        'no recall to hold against the least of 0.1: the manifest has accuracy, f1_macro',
      ],
      [
        ['--max-drop', '0.02'],
        'accuracy falls from 0.9 (float32) to 0.875 (as served), by 0.025, over the allowed drop of 0.02',
      ],
    ] as const)
      expect(refusalOf(await push(name, 'gates', ...args))).toContain(told);
    expect(refusalOf(await push('seed 2', 'gates', '--max-drop', '0.5'))).toContain('no accuracy');
    expect(await live('gates')).toEqual(before);
    resultOf(await push(name, 'gates', '--min-metric', 'accuracy=0.875', '--max-drop', '0.026', '--json'));
    expect(await live('gates')).toMatchObject({ previous: before!.digest });
  });
});

test('the second push of the same bytes changes nothing', async () => {
  const first = resultOf(await push('adapter', 'twice', '--json'));
  const before = await live('twice');
  expect(resultOf(await push('adapter', 'twice', '--json'))).toEqual(first);
  expect(first.digest).toBe(digests.adapter);
  expect(await live('twice')).toEqual(before);
  expect((await push('adapter', 'twice')).stdout).toContain('(already there)');
});

describe('two pushes to one alias', () => {
  test('of which both began before either ended: one wins, the other is told who, both versions are there', async () => {
    // Nobody goes on before both have seen the alias.
    let waiting = 0;
    let release = () => {};
    const both = new Promise<void>(resolve => {
      release = resolve;
    });
    const meeting: Store = {
      ...workspace.store,
      async get(key) {
        const found = await workspace.store.get(key);
        if (key.includes('/aliases/') && waiting < 2) {
          if (++waiting === 2) release();
          await both;
        }
        return found;
      },
    };
    resultOf(await push('adapter', 'meeting', '--json'));
    const names = ['seed 2', 'seed 3'];
    const ended = await Promise.allSettled(
      names.map(async name =>
        publish(meeting, await readAdapterDirectory(workspace.path(name)), { tenant: 'meeting', ...gates }),
      ),
    );
    expect(ended.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const winner = digests[names[ended.findIndex(({ status }) => status === 'fulfilled')]!]!;
    const loser = ended.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(loser.reason).toMatchObject({
      code: 'conflict',
      message: expect.stringContaining(
        `was changed by someone else first and now points to sha256:${winner}`,
      ),
    });
    expect(await live('meeting')).toMatchObject({ digest: winner, previous: digests.adapter });
    for (const name of names) await loadVersion(workspace.store, 'meeting', 'topic', digests[name]!);
  });

  test('of two processes: both versions are there, and the alias is what a winner said', async () => {
    for (let round = 0; round < 4; round++) {
      const tenant = `race${round}`;
      const names = ['seed 2', 'seed 3'];
      const ran = await Promise.all(names.map(name => push(name, tenant)));
      const winners = names.filter((_, i) => ran[i]!.code === 0);
      const { digest } = (await live(tenant))!;
      expect(winners.map(name => digests[name])).toContain(digest);
      for (const lost of ran.filter(({ code }) => code !== 0))
        expect(refusalOf(lost)).toContain(`now points to sha256:${digest}`);
      for (const name of names) await loadVersion(workspace.store, tenant, 'topic', digests[name]!);
    }
  });
});

describe('a push that dies on the way', () => {
  test('before any of its writes leaves the alias and its version whole; the next push ends the work', async () => {
    const first = await readAdapterDirectory(workspace.path('adapter'));
    const directory = await readAdapterDirectory(workspace.path('seed 2'));
    for (let writes = 0; ; writes++) {
      const tenant = `dies${writes}`;
      await publish(workspace.store, first, { tenant, ...gates });
      let left = writes;
      const dying: Store = {
        ...workspace.store,
        put: (...put) => (left-- > 0 ? workspace.store.put(...put) : Promise.reject(new Error('killed'))),
      };
      const died = await publish(dying, directory, { tenant, ...gates }).then(
        () => false,
        () => true,
      );
      expect((await live(tenant))!.digest).toBe(died ? digests.adapter : digests['seed 2']);
      await loadVersion(workspace.store, tenant, 'topic', digests.adapter!);
      if (!died) return expect(writes).toBe(3); // tensors, manifest, alias
      await publish(workspace.store, directory, { tenant, ...gates });
      await loadVersion(workspace.store, tenant, 'topic', digests['seed 2']!);
    }
  });

  test('by SIGKILL at some moment leaves the alias at a whole version, and does not block the next push', async () => {
    resultOf(await push('adapter', 'killed', '--json'));
    for (const [round, waitMs] of [120, 180, 240].entries()) {
      const name = round % 2 ? 'seed 3' : 'seed 2';
      const args = ['push-adapter', name, '--tenant', 'killed', '--name', 'topic'];
      const { child, ended } = workspace.start(...args);
      await sleep(waitMs);
      child.kill('SIGKILL');
      await ended;
      const { digest } = (await live('killed'))!;
      expect(Object.values(digests)).toContain(digest);
      await loadVersion(workspace.store, 'killed', 'topic', digest);
    }
    expect(resultOf(await push('adapter', 'killed', '--json')).digest).toBe(digests.adapter);
  });
});
