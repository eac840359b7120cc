/** Checkpoints that may not be gone on from, and what is left when one cannot be written. */
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { sha256 } from '../functions/artifacts/digest.ts';
import { readMetadata, readSafetensors, writeSafetensors } from '../functions/artifacts/safetensors.ts';
import { openDirectoryStore } from '../functions/store/directory.ts';
import type { Store } from '../functions/store/store.ts';
import { pullBase } from '../trainer/commands/pull-base.ts';
import { trainDefaults } from '../trainer/commands/train.ts';
import { type Engine, EngineDied } from '../trainer/engines/engine.ts';
import { onnxEngine } from '../trainer/engines/onnx.ts';
import { specOf } from '../trainer/methods/methods.ts';
import { train } from '../trainer/train.ts';
import type { TrainOptions } from '../trainer/train-options.ts';
import { writeTinyBase } from './tiny-base.ts';

let folder: string;
let store: Store;
const path = (name: string) => join(folder, name);
const rows =
  'text,label\nthe parcel was late,parcel\nrefund the money,refund\nthanks,praise\nbroken,parcel\n';

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'veneer-resume-'));
  store = openDirectoryStore(path('store'));
  await writeTinyBase(path('tiny'));
  await pullBase(store, { wanted: path('tiny'), force: false }, () => {});
  await writeData();
  await run('whole');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const lora = (rank: number) => specOf('lora', { rank, alpha: 4, targetModules: ['q', 'v'] });

interface RunOptions {
  engine?: Engine;
  /** Stops the run when this step is done. */
  stopAfter?: number;
}

async function run(
  out: string,
  overrides: Partial<TrainOptions> = {},
  { engine = onnxEngine({ threads: 1 }), stopAfter }: RunOptions = {},
): Promise<string[]> {
  const log: string[] = [];
  const controller = new AbortController();
  await train(
    store,
    engine,
    {
      ...trainDefaults,
      ...{ base: 'tiny', task: 'classification', data: path('train.csv'), evalData: path('dev.csv') },
      ...{ out: path(out), epochs: 8, batchSize: 2, threads: 1, quantization: 'float32' as const },
      ...{ method: lora(2), ...overrides },
    },
    {
      log: line => log.push(line),
      onStep: ({ step }) => {
        if (step === stopAfter) controller.abort('SIGINT');
      },
      onEvaluate: () => {},
      signal: controller.signal,
    },
  );
  return log;
}

const checkpoint = (out: string) => path(`${out}/checkpoint.safetensors`);
const adapter = (out: string) => readFile(path(`${out}/adapter.safetensors`));
const stopped = (out: string, overrides: Partial<TrainOptions> = {}) =>
  expect(run(out, overrides, { stopAfter: 6 })).rejects.toMatchObject({ code: 'interrupted', exitCode: 130 });

async function writeData(): Promise<void> {
  await writeFile(path('train.csv'), rows);
  await writeFile(path('dev.csv'), rows);
}
beforeEach(writeData);

describe('a run is not resumed where', () => {
  beforeAll(() => stopped('stopped'));

  test.each([
    ['train', 'train.csv'],
    ['dev', 'dev.csv'],
  ])('the %s data changed: both digests are named', async (split, file) => {
    const changed = rows.replace('broken', 'late');
    await writeFile(path(file), changed);
    await expect(run('stopped', { resume: true })).rejects.toMatchObject({
      code: 'digest_mismatch',
      message: `${checkpoint('stopped')}: the ${split} data changed since this checkpoint (then sha256:${sha256(rows)}, now sha256:${sha256(changed)}): bring back what it was, or train anew without --resume`,
    });
  });

  test.each<[string, Partial<TrainOptions>, string]>([
    ['the learning rate', { learningRate: 0.002 }, 'learningRate was 0.001, is 0.002'],
    ['the rank', { method: lora(4) }, 'method was {"name":"lora","rank":2'],
    ['the seed', { seed: 2 }, 'seed was 1, is 2'],
    ['an option that was left out', { evalSteps: 3 }, 'evalSteps was not given, is 3'],
    ['the number of micro-batches', { devices: 2 }, 'microBatches was 1, is 2'],
  ])('%s changed', async (_, overrides, message) => {
    const before = await readFile(checkpoint('stopped'));
    const error = await run('stopped', { ...overrides, resume: true }).catch(thrown => thrown);
    expect(error.code).toBe('digest_mismatch');
    expect(error.message).toContain(message);
    const [then, now] = error.message.match(/sha256:[0-9a-f]{64}/g);
    expect(then).not.toBe(now);
    expect(await readFile(checkpoint('stopped'))).toEqual(before);
  });

  test('tensors are missing, too many or of another shape: they are named', async () => {
    const bytes = await readFile(checkpoint('stopped'));
    const tensors = readSafetensors(bytes, 'checkpoint');
    const metadata = readMetadata(bytes, 'checkpoint');
    const [name, tensor] = [...tensors].find(([key]) => key.startsWith('moment1:'))!;
    const rewrite = (changed: typeof tensors) =>
      writeFile(checkpoint('stopped'), writeSafetensors(changed, metadata));
    const refusal = async () => (await run('stopped', { resume: true }).catch(error => error)).message;

    await rewrite(new Map([...tensors].filter(([key]) => key !== name)));
    expect(await refusal()).toContain(
      `checkpoint.safetensors: misses tensor ${name}: it is of another adapter`,
    );
    await rewrite(new Map([...tensors, ['value:extra', tensor]]));
    expect(await refusal()).toContain('has tensor value:extra, which this run does not');
    await rewrite(new Map([...tensors, [name, { ...tensor, shape: [1, ...tensor.shape] }]]));
    expect(await refusal()).toContain(`tensor ${name} is F32 [`);
  });
});

test('options that decide nothing may change', async () => {
  await stopped('moved');
  await writeFile(path('copy.csv'), rows);
  const log = await run('moved', { resume: true, data: path('copy.csv'), saveSteps: 1, threads: 2 });
  expect(log).toContain('resumed after step 6');
  expect(await adapter('moved')).toEqual(await adapter('whole'));
});

test('a checkpoint that was cut off or changed gives way to the one before it, and two such to an error', async () => {
  await stopped('cut', { saveSteps: 2 });
  const bytes = await readFile(checkpoint('cut'));
  const older = await readFile(path('cut/checkpoint.previous.safetensors'));
  const flipped = Uint8Array.from(bytes);
  flipped[flipped.length - 5]! ^= 1;
  for (const [damaged, problem] of [
    [bytes.subarray(0, bytes.length - 100), 'data ends at'],
    [bytes.subarray(0, 5), 'are too few'],
    [flipped, 'its tensors are not those that were written'],
  ] as const) {
    await writeFile(checkpoint('cut'), damaged);
    await writeFile(path('cut/checkpoint.previous.safetensors'), older);
    const lines = await run('cut', { resume: true });
    const told = lines.find(line => line.includes(problem));
    expect(told).toMatch(/going back to the checkpoint before it$/);
    expect(lines).toContain('resumed after step 4');
    expect(await adapter('cut')).toEqual(await adapter('whole'));
  }
  await writeFile(checkpoint('cut'), bytes.subarray(0, 100));
  await writeFile(path('cut/checkpoint.previous.safetensors'), bytes.subarray(0, 200));
  await expect(run('cut', { resume: true })).rejects.toMatchObject({
    code: 'invalid_artifact',
    message: expect.stringMatching(/^[^\n]*no checkpoint before it is whole: train anew without --resume$/),
  });
});

test.runIf(process.platform === 'linux')(
  'a full disk: one line, and the checkpoint before is as it was',
  async () => {
    await stopped('full');
    const before = await readFile(checkpoint('full'));
    // A device that has no room for anything: what is written next to the checkpoint goes there.
    await symlink('/dev/full', `${checkpoint('full')}.tmp`);
    await expect(run('full', { resume: true })).rejects.toMatchObject({
      code: 'unavailable',
      exitCode: 1,
      message: `${checkpoint('full')}: cannot be written (the disk is full); the checkpoint before it is whole, go on from it with --resume`,
    });
    expect(await readFile(checkpoint('full'))).toEqual(before);
    await run('full', { resume: true });
    expect(await adapter('full')).toEqual(await adapter('whole'));
  },
);

test('evaluations count towards patience over a restart, and a run that patience ended does not go on', async () => {
  // Equal scores from the first evaluation on: one label.
  await writeFile(path('train.csv'), rows.replace(/,\w+$/gm, ',x').replace('text,x', 'text,label'));
  await writeFile(path('dev.csv'), 'text,label\nlate,x\n');
  const options = { evalSteps: 1, saveSteps: 1, patience: 8 };
  await stopped('patient', options);
  const lines = await run('patient', { ...options, resume: true });
  // The first of nine evaluations is the best, eight follow.
  expect(lines.filter(line => line.startsWith('dev: accuracy'))).toHaveLength(9 - 6);
  expect(
    (await run('patient', { ...options, resume: true })).filter(line => line.startsWith('dev: accuracy')),
  ).toEqual([]);
});

describe('devices', () => {
  const valuesOf = async (out: string) => {
    const tensors = readSafetensors(await adapter(out), out);
    return [...tensors].flatMap(([, { data }]) => [...new Float32Array(Uint8Array.from(data).buffer)]);
  };

  test('a batch split over two is one batch, within rounding', async () => {
    await run('one', { batchSize: 4, epochs: 3, learningRate: 1e-4 });
    await run('two', { batchSize: 4, epochs: 3, learningRate: 1e-4, devices: 2 });
    const [one, two] = [await valuesOf('one'), await valuesOf('two')];
    expect(one).not.toEqual(two);
    one.forEach((value, i) => {
      expect(Math.abs(value - two[i]!)).toBeLessThan(1e-6);
    });
  });

  /** Programs whose runs die: `deaths` says at which of all runs. */
  const dying = (isDying: (run: number) => boolean): Engine => {
    const engine = onnxEngine({ threads: 1 });
    let runs = 0;
    return {
      ...engine,
      async compile(source) {
        const program = await engine.compile(source);
        return {
          ...program,
          async run(inputs) {
            // The worker thread is really gone.
            if (isDying(runs++)) await program.close();
            return program.run(inputs);
          },
        };
      },
    };
  };

  test('a worker that ends is started again and its batch repeated', async () => {
    const log = await run('lost', {}, { engine: dying(runs => runs === 3 || runs === 9) });
    expect(log.filter(line => line.includes('starting another one'))).toHaveLength(2);
    expect(await adapter('lost')).toEqual(await adapter('whole'));
  });

  test('one that ends twice in a row ends the run, which can be resumed', async () => {
    await expect(run('twice', {}, { engine: dying(runs => runs === 5 || runs === 6) })).rejects.toMatchObject(
      {
        code: 'training_failed',
        message: expect.stringMatching(/ended \(code 1\) twice in a row on the same batch: .* --resume$/),
      },
    );
    await run('twice', { resume: true });
    expect(await adapter('twice')).toEqual(await adapter('whole'));
  });

  test('an error of the engine is no death', async () => {
    const engine: Engine = {
      name: 'onnx',
      compile: async () => ({
        run: async () => {
          throw new Error('bad shape');
        },
        close: async () => {},
      }),
    };
    await expect(run('error', {}, { engine })).rejects.toThrow('bad shape');
    expect(new EngineDied('x')).not.toHaveProperty('code');
  });
});
