/** Out of device memory: what would fit is named, or the step is cut and nothing else changes. */
import { describe, expect, test } from 'vitest';
import { fitInMemory } from '../trainer/auto-batch.ts';
import type { TrainingRow } from '../trainer/batches.ts';
import { EngineOutOfMemory, type HostTensor, type Program } from '../trainer/engines/engine.ts';
import type { Host } from '../trainer/engines/host.ts';
import { onnxEngine } from '../trainer/engines/onnx.ts';
import { tfjsProcessEngine } from '../trainer/engines/tfjs-process.ts';
import type { FitArguments } from '../trainer/fit.ts';
import { freshState } from '../trainer/fit-state.ts';
import { Graph } from '../trainer/graph/graph.ts';
import { bert } from '../trainer/models/bert.ts';
import { buildStep, gradientName } from '../trainer/step.ts';

const config = bert.readConfig({
  ...{ model_type: 'bert', hidden_size: 8, num_hidden_layers: 1, num_attention_heads: 2 },
  ...{ intermediate_size: 8, vocab_size: 16, max_position_embeddings: 8, type_vocab_size: 2 },
  ...{ layer_norm_eps: 1e-12, hidden_act: 'gelu' },
});
const head = {
  task: 'classification',
  head: { kind: 'pooled', pooling: 'mean', dense: false },
  labels: 2,
} as const;
const step = buildStep({
  ...{ config, head },
  method: { name: 'lora', rank: 2, alpha: 4, targetModules: ['q'] },
});
const rows = Array.from(
  { length: 16 },
  (_, i): TrainingRow => ({
    window: {
      ids: Int32Array.of(2, 5 + (i % 4), 3),
      typeIds: new Int32Array(3),
      position: 1,
      first: 0,
      count: 1,
    },
    targets: Int32Array.of(i % 2),
  }),
);

/** A device for so many rows: the gradient is a sum over rows, so it does not matter how they are cut. */
function device(room: number, sizes: number[]): Program {
  return {
    async run(inputs) {
      const [count] = inputs.input_ids!.shape as [number, number];
      sizes.push(count);
      if (count > room) throw new EngineOutOfMemory({ rows: count, fitting: room });
      const scalar = (value: number): HostTensor => ({
        dtype: 'float32',
        shape: [],
        data: Float32Array.of(value),
      });
      const gradients = step.layout.parameters.map(({ name, shape }): [string, HostTensor] => [
        gradientName(name),
        {
          dtype: 'float32',
          shape,
          data: new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(count / 16),
        },
      ]);
      return { loss: scalar(count), ...Object.fromEntries(gradients) };
    },
    close: async () => {},
  };
}

function run(room: number, autoBatch: boolean) {
  const sizes: number[] = [];
  const lines: string[] = [];
  const state = freshState(new Float32Array(step.layout.size));
  const args: FitArguments = {
    ...{ programs: [device(room, sizes)], step, state, config, head, rows },
    options: {
      ...{ epochs: 2, batchSize: 16, accumulate: 1, microBatches: 1, seed: 1, learningRate: 0.1 },
      ...{ schedule: 'constant' as const, warmup: 0, weightDecay: 0, maxGradientNorm: 100, patience: 0 },
    },
    onStep: () => {},
    save: async () => {},
  };
  return { sizes, lines, state, done: fitInMemory(args, { autoBatch, log: line => lines.push(line) }) };
}

describe('a batch that does not fit', () => {
  test('stops the run with the batch size that would', async () => {
    await expect(run(6, false).done).rejects.toMatchObject({
      code: 'training_failed',
      message:
        'out of device memory at 16 rows with --batch-size 16: --batch-size 6 would fit (--accumulate keeps the rows of a step; --auto-batch does both)',
    });
  });

  test('is halved until it fits with --auto-batch, once, and the parameters are those of the whole batch', async () => {
    const [cut, whole] = [run(6, true), run(16, false)];
    await Promise.all([cut.done, whole.done]);
    expect(cut.sizes).toEqual([16, 8, 4, 4, 4, 4, 4, 4, 4, 4]);
    expect(cut.lines.map(line => line.replace(/^.*: /, ''))).toEqual([
      'each step is now computed in 2 batches',
      'each step is now computed in 4 batches',
    ]);
    expect(cut.state.optimizer.steps).toBe(2);
    expect(cut.state.values).toEqual(whole.state.values);
    expect(cut.state.values.some(value => value !== 0)).toBe(true);
  });

  test('of one row ends even --auto-batch', async () => {
    const { done, sizes } = run(0, true);
    await expect(done).rejects.toMatchObject({ message: expect.stringContaining('not one row fits') });
    expect(sizes).toEqual([16, 8, 4, 2, 1]);
  });
});

describe("engines' own words", () => {
  /** A process that answers every run with this error. */
  const failing = (error: string) => (): Host => {
    let tell: Parameters<Host['onMessage']>[0] = () => {};
    let opened = false;
    return {
      send: () => {
        const answer = opened ? { error } : ({ ready: true } as const);
        opened = true;
        queueMicrotask(() => tell(answer));
      },
      onMessage: listener => {
        tell = listener;
      },
      onEnd: () => {},
      close: () => {},
    };
  };
  const programOf = (error: string, freeBytes: number) => {
    const g = new Graph();
    const y = g.exp(g.input('x', ['B', 1024]));
    return tfjsProcessEngine({
      package: { name: '@tensorflow/tfjs-node-gpu', folder: 'none' },
      ...{ precision: 'fp32', threads: 1, freeBytes, openHost: failing(error) },
    }).compile({ outputs: { y } });
  };
  const x: HostTensor = { dtype: 'float32', shape: [64, 1024], data: new Float32Array(64 * 1024) };

  test.each([
    'OOM when allocating tensor with shape[64,1024] and type float on /job:localhost/replica:0/task:0/device:GPU:0',
    'RESOURCE_EXHAUSTED: failed to allocate memory',
  ])('%s: the rows that fit follow from the plan', async error => {
    // Two tensors of 4 KiB a row, in four fifths of the memory.
    const program = await programOf(error, (10 * 2 * 4096) / 0.8);
    await expect(program.run({ x })).rejects.toMatchObject({
      name: 'EngineOutOfMemory',
      rows: 64,
      fitting: 10,
    });
  });

  test("onnxruntime's arena on a GPU: the same", async () => {
    const g = new Graph();
    const y = g.exp(g.input('x', ['B', 1024]));
    const said =
      'BFCArena::AllocateRawInternal Failed to allocate memory for requested buffer of size 262144';
    const engine = onnxEngine({
      ...{ threads: 1, device: 'cuda', freeBytes: (10 * 2 * 4096) / 0.8 },
      openHost: failing(said),
    });
    const program = await engine.compile({ outputs: { y } });
    await expect(program.run({ x })).rejects.toMatchObject({
      name: 'EngineOutOfMemory',
      rows: 64,
      fitting: 10,
    });
  });

  test('other errors stay what they are', async () => {
    const program = await programOf('Incompatible shapes', 1e9);
    await expect(program.run({ x })).rejects.toThrow('TensorFlow: Incompatible shapes');
  });
});
