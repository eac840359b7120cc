/** train --replay, --ewc and --orthogonal over a sequence of runs, and evaluate --all-tasks over what they left. */
import { readFile, rm } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { headNames } from '../../functions/artifacts/modules.ts';
import { float32, readSafetensors } from '../../functions/artifacts/safetensors.ts';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
const second =
  'text,label\nblue green,color\nred red,color\nmara works,work\njonas works in oslo,work\nmara lives in oslo,home\n';
const exact = ['--quantization', 'float32', '--json'];
const small = ['--rank', '2', '--target-modules', 'q,v', '--learning-rate', '0.01', '--epochs', '6'];

beforeAll(async () => {
  workspace = await openWorkspace();
  await workspace.write('second.csv', second);
  const memory = ['--replay', '3', '--ewc', '0'];
  resultOf(await workspace.train('topics.csv', '--out', 'first', ...small, ...memory, ...exact));
});
afterAll(() => workspace.remove());

const read = (file: string) => readFile(workspace.path(file));
const json = async (file: string) => JSON.parse((await read(file)).toString());
const bufferOf = async (out: string) =>
  (await read(`${out}/replay.jsonl`))
    .toString()
    .trimEnd()
    .split('\n')
    .map(line => JSON.parse(line));
const tensorsOf = async (out: string, file = 'adapter.safetensors') =>
  new Map(
    [...readSafetensors(await read(`${out}/${file}`), out)].map(([name, tensor]) => [
      name,
      { shape: tensor.shape, data: float32(tensor).slice() },
    ]),
  );

describe('--replay', () => {
  test('keeps so many examples, a class as often as another, and the same ones again', async () => {
    const kept = await bufferOf('first');
    expect(kept.map(({ labels }) => labels[0]).sort()).toEqual(['parcel', 'praise', 'refund']);
    const digest = sha256(await read('topics.csv'));
    for (const line of kept)
      expect(line).toEqual({ dataset: digest, text: expect.any(String), labels: [expect.any(String)] });
    resultOf(await workspace.train('topics.csv', '--out', 'again', ...small, '--replay', '3', ...exact));
    expect(await read('again/replay.jsonl')).toEqual(await read('first/replay.jsonl'));
    const { training } = await json('first/manifest.json');
    expect(training.config).toMatchObject({ replay: 3, ewc: 0 });
  });

  test('is trained on and carried on by the run that goes on', async () => {
    const ran = await workspace.train(
      ...(['second.csv', '--out', 'replayed', '--from', 'first', '--replay', '4'] as const),
      ...['--epochs', '1', ...exact],
    );
    resultOf(ran);
    expect(ran.stderr).toContain('replayed: 3 examples of earlier data');
    expect(ran.stderr).toContain('8 examples in 8 windows, 6 labels');
    const kept = await bufferOf('replayed');
    expect(kept.slice(0, 3)).toEqual(await bufferOf('first'));
    // One a class, then a second of the first class that has one; in the order of the data.
    expect(kept.slice(3).map(({ labels }) => labels[0])).toEqual(['color', 'color', 'work', 'home']);
    const { labels } = await json('replayed/manifest.json');
    expect(labels).toEqual(['parcel', 'praise', 'refund', 'color', 'home', 'work']);
  });

  test('0 neither keeps nor replays, and an earlier buffer in the directory goes', async () => {
    const args = ['--from', 'first', '--out', 'none', '--epochs', '1', ...exact];
    resultOf(await workspace.train('second.csv', ...args, '--replay', '2'));
    await expect(bufferOf('none')).resolves.toHaveLength(5);
    const ran = await workspace.train('second.csv', ...args, '--replay', '0');
    resultOf(ran);
    expect(ran.stderr).toContain('5 examples in 5 windows, 6 labels');
    await expect(bufferOf('none')).rejects.toThrow('ENOENT');
  });

  test('examples of the same data are not replayed beside it', async () => {
    const args = ['--from', 'first', '--replay', '1', '--epochs', '1', ...exact];
    const ran = await workspace.train('topics.csv', '--out', 'same', ...args);
    resultOf(ran);
    expect(ran.stderr).toContain('4 examples in 4 windows');
    expect(await bufferOf('same')).toHaveLength(1);
  });

  test('a buffer of another form is refused by its line; none is warned of', async () => {
    resultOf(await workspace.train('topics.csv', '--out', 'bad', ...small, '--replay', '1', ...exact));
    await workspace.write(
      'bad/replay.jsonl',
      '{"dataset":"x","text":"a","labels":["b"]}\n{"dataset":"x","text":1}\n',
    );
    const args = ['--from', 'bad', '--replay', '1', '--out', 'refused'];
    expect(refusalOf(await workspace.train('second.csv', ...args))).toMatch(
      /^bad\/replay\.jsonl:2: no example of classification as train --replay keeps it/,
    );
    await rm(workspace.path('bad/replay.jsonl'));
    const ran = await workspace.train('second.csv', ...args, '--json');
    expect(ran.stderr).toContain('warning: --from bad has no replay.jsonl: nothing is replayed');
  });
});

describe('--ewc', () => {
  test('leaves the Fisher of every trained tensor, adds that of before to it and keeps zeros for new labels', async () => {
    const still = ['--learning-rate', '1e-12', '--epochs', '1'];
    const args = ['second.csv', '--from', 'first', ...still, ...exact] as const;
    resultOf(await workspace.train(args[0], ...args.slice(1), '--out', 'sum', '--ewc', '1'));
    resultOf(await workspace.train(args[0], ...args.slice(1), '--out', 'alone', '--replay', '0'));
    resultOf(
      await workspace.train(
        'second.csv',
        '--from',
        'alone',
        '--out',
        'own',
        ...still,
        '--ewc',
        '0',
        ...exact,
      ),
    );
    const [before, sum, own] = await Promise.all(
      ['first', 'sum', 'own'].map(out => tensorsOf(out, 'fisher.safetensors')),
    );
    expect([...before!.keys()].sort()).toEqual([...(await tensorsOf('first')).keys()].sort());
    for (const [name, { data }] of sum!) {
      const [old, alone] = [before!.get(name)!.data, own!.get(name)!.data];
      data.forEach((value, i) => {
        expect(value).toBeCloseTo((old[i] ?? 0) + alone[i]!, 6);
        expect(value).toBeGreaterThanOrEqual(0);
      });
      expect(
        data.some(value => value > 0),
        name,
      ).toBe(true);
    }
  });

  test('a strong pull keeps what mattered nearer to where it was', async () => {
    const args = ['--from', 'first', '--epochs', '4', '--learning-rate', '0.01', ...exact];
    resultOf(await workspace.train('second.csv', '--out', 'free', ...args, '--replay', '0'));
    resultOf(await workspace.train('second.csv', '--out', 'held', ...args, '--ewc', '100000'));
    const fisher = await tensorsOf('first', 'fisher.safetensors');
    const before = await tensorsOf('first');
    const [free, held] = await Promise.all(
      ['free', 'held'].map(async out => {
        let sum = 0;
        for (const [name, { data }] of await tensorsOf(out))
          before.get(name)!.data.forEach((value, i) => {
            sum += fisher.get(name)!.data[i]! * (data[i]! - value) ** 2;
          });
        return sum;
      }),
    );
    expect(free).toBeGreaterThan(0);
    expect(held!).toBeLessThan(free! / 4);
  });

  test('a run without a Fisher is refused', async () => {
    const args = ['--from', 'adapter', '--ewc', '5', '--out', 'refused'];
    expect(refusalOf(await workspace.train('second.csv', ...args))).toBe(
      'adapter/fisher.safetensors is missing: train adapter with --ewc (0 measures only)',
    );
  });
});

describe('--orthogonal', () => {
  test('learns in rows of its own and leaves what it goes on from as it was, scale included', async () => {
    const args = ['--from', 'first', '--epochs', '4', '--learning-rate', '0.01', ...exact];
    const { metrics } = resultOf(
      await workspace.train('second.csv', '--out', 'grown', ...args, '--orthogonal', '0.5', '--rank', '3'),
    );
    expect(metrics).toBeDefined();
    const manifest = await json('grown/manifest.json');
    // 16 over rank 2 is 8 a rank.
    expect(manifest.lora).toEqual({ rank: 5, alpha: 40, targetModules: ['q', 'v'] });
    expect(manifest.training.config).toMatchObject({ orthogonal: 0.5, newRank: 3 });
    const [before, after] = [await tensorsOf('first'), await tensorsOf('grown')];
    let moved = 0;
    for (const [name, { shape, data }] of before) {
      const grown = after.get(name)!;
      const [rows, columns] = shape.length === 1 ? [1, shape[0]!] : [shape[0]!, shape[1]!];
      const width = grown.shape.at(-1)!;
      for (let row = 0; row < rows; row++)
        for (let i = 0; i < columns; i++) expect(grown.data[row * width + i]).toBe(data[row * columns + i]);
      if (name.includes('lora_B'))
        moved += grown.data.filter((value, i) => i % width >= columns && value !== 0).length;
    }
    expect(moved).toBeGreaterThan(100);
    const { bias } = headNames('bert', 'classification');
    expect(
      after
        .get(bias)!
        .data.slice(3)
        .some(value => value !== 0),
    ).toBe(true);
  });

  test('a strong weight makes the new rows of A orthogonal to the old ones', async () => {
    const args = ['--from', 'first', '--epochs', '30', '--learning-rate', '0.01', ...exact];
    const overlap = async (out: string) => {
      let sum = 0;
      for (const [name, { shape, data }] of await tensorsOf(out)) {
        if (!name.includes('lora_A')) continue;
        const width = shape[1]!;
        for (const own of [2, 3])
          for (const old of [0, 1])
            for (let i = 0, product = 0; i < width; i++) {
              product += data[own * width + i]! * data[old * width + i]!;
              if (i + 1 === width) sum += product ** 2;
            }
      }
      return sum;
    };
    resultOf(await workspace.train('second.csv', '--out', 'skew', ...args, '--orthogonal', '0'));
    resultOf(await workspace.train('second.csv', '--out', 'square', ...args, '--orthogonal', '100'));
    expect(await overlap('square')).toBeLessThan((await overlap('skew')) / 50);
  });

  test.each<[string[], string]>([
    [
      ['--ewc', '1'],
      '--ewc and --orthogonal: nothing of before moves with --orthogonal, so take one of them',
    ],
    [['--alpha', '3'], '--orthogonal: the scale is that of --from first: leave --alpha and --rs-lora out'],
    [['--rank', '63'], '--orthogonal: rank 2 of --from first and 63 more are over 64: lower --rank'],
  ])('refuses %j', async (args, told) => {
    const ran = await workspace.train(
      'second.csv',
      '--from',
      'first',
      '--orthogonal',
      '1',
      '--out',
      'no',
      ...args,
    );
    expect(refusalOf(ran, 2)).toBe(told);
  });

  test('refuses a method without rows to add', async () => {
    const ran = await workspace.train('second.csv', '--method', 'ia3', '--orthogonal', '1', '--out', 'no');
    expect(refusalOf(ran, 2)).toBe('--orthogonal goes with --method lora, not with ia3');
  });
});

test('a run that goes on with all of it is resumed to the same bytes', async () => {
  const args = ['--from', 'first', '--orthogonal', '1', '--replay', '2', '--epochs', '3', ...exact];
  resultOf(await workspace.train('second.csv', '--out', 'whole', ...args));
  resultOf(await workspace.train('second.csv', '--out', 'part', ...args, '--resume'));
  const ran = await workspace.train('second.csv', '--out', 'part', ...args, '--resume');
  resultOf(ran);
  expect(ran.stderr).toContain('resumed after step');
  expect(await read('part/adapter.safetensors')).toEqual(await read('whole/adapter.safetensors'));
  await workspace.write('first/replay.jsonl', (await read('first/replay.jsonl')).subarray(0, -1));
  expect(
    refusalOf(await workspace.train('second.csv', '--out', 'part', ...args.slice(0, -1), '--resume')),
  ).toMatch(/the replay data changed since this checkpoint/);
});

describe('evaluate --all-tasks', () => {
  test('is a matrix of what evaluate says of each run, with what it means', async () => {
    const args = ['--epochs', '40', '--learning-rate', '0.01', ...exact];
    resultOf(await workspace.train('topics.csv', '--out', 'one', ...args, '--replay', '4'));
    resultOf(await workspace.train('second.csv', '--out', 'two', '--from', 'one', ...args, '--replay', '5'));
    const pairs = ['one=topics.csv', 'two=second.csv'];
    const result = resultOf(await workspace.run('evaluate', '--all-tasks', ...pairs, '--json'));
    const accuracy = async (run: string, data: string) =>
      (
        resultOf(await workspace.run('evaluate', run, '--data', data, '--json')).metrics as {
          accuracy: number;
        }
      ).accuracy;
    const expected = [
      [await accuracy('one', 'topics.csv'), 0],
      [await accuracy('two', 'topics.csv'), await accuracy('two', 'second.csv')],
    ];
    expect(expected[0]![0]).toBe(1);
    expect(result).toMatchObject({
      accuracies: expected,
      averageAccuracy: (expected[1]![0]! + expected[1]![1]!) / 2,
      forgetting: 1 - expected[1]![0]!,
      // The first run has none of the second task's labels.
      forwardTransfer: null,
    });
    const within = resultOf(
      await workspace.run('evaluate', '--all-tasks', ...pairs, '--within-task', '--json'),
    );
    (within.accuracies as number[][]).forEach((row, i) => {
      row.forEach((value, j) => {
        expect(value).toBeGreaterThanOrEqual(expected[i]![j]!);
      });
    });
    const { stdout } = await workspace.run('evaluate', '--all-tasks', ...pairs);
    expect(stdout).toMatch(/^run\ttopics\.csv\tsecond\.csv\none\t1\.0000\t0\.0000\ntwo\t/m);
    expect(stdout).toContain('forwardTransfer none\n');
  });

  test('where the labels are the same, forward transfer is what is over a guess', async () => {
    const pairs = ['one=topics.csv', 'one=topics.csv'];
    const result = resultOf(await workspace.run('evaluate', '--all-tasks', ...pairs, '--json'));
    expect(result.forwardTransfer).toBeCloseTo(1 - 1 / 3, 12);
    expect(result.forgetting).toBe(0);
  });

  test.each([
    [['one'], '--all-tasks one: a run and its data are expected, as run=data.csv'],
    [['one='], '--all-tasks one=: a run and its data are expected, as run=data.csv'],
    [
      ['one=topics.csv', '--data', 'x'],
      '--all-tasks takes RUN=DATA pairs alone: no adapter, --data, --tenant or --by-language',
    ],
  ])('refuses %j', async (args, told) => {
    expect(refusalOf(await workspace.run('evaluate', '--all-tasks', ...args), 2)).toBe(told);
  });

  test('evaluate without an adapter or data says what is missing', async () => {
    expect(refusalOf(await workspace.run('evaluate'), 2)).toBe(
      'name the adapter, or say --all-tasks RUN=DATA ...',
    );
    expect(refusalOf(await workspace.run('evaluate', 'one'), 2)).toBe('--data is missing');
  });
});
