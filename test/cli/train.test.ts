/** train: where it writes, and what is left when it is stopped or diverges. */
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { trainDefaults } from '../../trainer/commands/train.ts';
import type { Engine } from '../../trainer/engines/engine.ts';
import { onnxEngine } from '../../trainer/engines/onnx.ts';
import { train } from '../../trainer/train.ts';
import type { TrainOptions } from '../../trainer/train-options.ts';
import { refusalOf, resultOf } from './trainer.ts';
import { openWorkspace, type Workspace } from './workspace.ts';

let workspace: Workspace;
beforeAll(async () => {
  workspace = await openWorkspace();
});
afterAll(() => workspace.remove());

const finished = [
  'adapter.safetensors',
  'checkpoint.safetensors',
  'data.json',
  'manifest.json',
  'steps.jsonl',
];
const filesIn = async (out: string) => (await readdir(workspace.path(out))).sort();

describe('--out', () => {
  test('is made, with those above it', async () => {
    resultOf(await workspace.train('topics.csv', '--out', 'a new/folder ü', '--json'));
    expect(await filesIn('a new/folder ü')).toEqual(finished);
  });

  test.each(['topics.csv', 'topics.csv/below'])('%s, where a file is in the way, is refused', async out => {
    expect(refusalOf(await workspace.train('topics.csv', '--out', out))).toBe(
      `${out}: cannot be written (a file is in the way)`,
    );
  });

  test('with a folder in place of a file is refused, and no temporary file stays', async () => {
    await mkdir(workspace.path('folder/checkpoint.safetensors'), { recursive: true });
    expect(refusalOf(await workspace.train('topics.csv', '--out', 'folder'))).toContain(
      'folder/checkpoint.safetensors: cannot be written',
    );
    expect(await filesIn('folder')).toEqual(['checkpoint.safetensors']);
  });
});

describe('a loss that is no number', () => {
  /** The loss becomes NaN after so many runs; no learning rate that the command takes gets this model there. */
  const diverging = (runs: number): Engine => {
    const engine = onnxEngine({ threads: 1 });
    return {
      ...engine,
      async compile(source) {
        const program = await engine.compile(source);
        let left = runs;
        return {
          ...program,
          async run(inputs) {
            const outputs = await program.run(inputs);
            if (left-- > 0) return outputs;
            return { ...outputs, loss: { ...outputs.loss!, data: Float32Array.of(Number.NaN) } };
          },
        };
      },
    };
  };
  const run = (out: string, engine: Engine, options: Partial<TrainOptions> = {}) => {
    const data = workspace.path('topics.csv');
    return train(
      workspace.store,
      engine,
      {
        ...trainDefaults,
        ...{ base: 'tiny', task: 'classification', data, evalData: data, out: workspace.path(out) },
        ...{ epochs: 3, threads: 1, ...options },
      },
      { log: () => {}, onStep: () => {}, onEvaluate: () => {} },
    );
  };

  test('in the first epoch leaves no file', async () => {
    await expect(run('early', diverging(0))).rejects.toMatchObject({
      code: 'training_failed',
      exitCode: 1,
      message: expect.stringContaining('there is no checkpoint yet'),
    });
    expect(await filesIn('early')).toEqual([]);
  });

  test('later leaves the last checkpoint, no manifest, and nothing that can be pushed', async () => {
    await expect(run('late', diverging(1))).rejects.toMatchObject({
      code: 'training_failed',
      message: expect.stringContaining('the checkpoint is kept'),
    });
    expect(await filesIn('late')).toEqual(['checkpoint.safetensors', 'steps.jsonl']);
    expect(
      refusalOf(await workspace.run('push-adapter', 'late', '--tenant', 'acme', '--name', 'topic')),
    ).toContain('late holds no manifest.json');
  });

  test('leaves a finished adapter that was there before as it was', async () => {
    const contents = () =>
      Promise.all(
        ['adapter.safetensors', 'manifest.json'].map(file => readFile(workspace.path(`adapter/${file}`))),
      );
    const before = await contents();
    await expect(run('adapter', diverging(1), { seed: 9 })).rejects.toMatchObject({
      code: 'training_failed',
    });
    expect(await contents()).toEqual(before);
  });

  test.each([
    ['with', true],
    ['without', false],
  ])('parameters that the last step drove to infinity are found, %s a dev set', async (name, isScored) => {
    const overrides = { learningRate: 1e39, epochs: 1, ...(isScored ? {} : { evalData: undefined }) };
    await expect(run(`infinite ${name}`, onnxEngine({ threads: 1 }), overrides)).rejects.toMatchObject({
      code: 'training_failed',
      message: expect.stringContaining('lower --learning-rate'),
    });
    expect(await filesIn(`infinite ${name}`)).toEqual(['steps.jsonl']);
  });
});
