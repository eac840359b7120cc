/** Which engine a run gets on which machine, and the line that says what is missing. */
import { describe, expect, test } from 'vitest';
import { type CudaDevice, readCudaDevices } from '../trainer/cuda.ts';
import { describeDiagnosis, diagnose } from '../trainer/diagnosis.ts';
import { chooseEngine, type EngineWishes, type Machine } from '../trainer/engine-choice.ts';

const card: CudaDevice = {
  name: 'NVIDIA L4',
  driver: '550.54.15',
  computeCapability: '8.9',
  memoryBytes: 24 * 2 ** 30,
  freeBytes: 22 * 2 ** 30,
};
const forGpu = { name: '@tensorflow/tfjs-node-gpu', folder: 'gpu' } as const;
const forCpu = { name: '@tensorflow/tfjs-node', folder: 'cpu' } as const;
const machine = (
  found: { cards?: CudaDevice[]; packages?: (typeof forGpu | typeof forCpu)[] } = {},
): Machine => ({
  cudaDevices: async () => found.cards ?? [],
  tfjsPackages: () => found.packages ?? [],
  hasCudaProvider: () => false,
});
const wishes: EngineWishes = { devices: 1, precision: 'fp32', threads: 1 };

async function choose(asked: Partial<EngineWishes>, on: Machine) {
  const lines: string[] = [];
  const { name } = await chooseEngine({ ...wishes, ...asked }, on, line => lines.push(line));
  return { name, lines };
}

describe('without --engine', () => {
  test.each([
    ['no card, no package', {}, {}, 'onnx'],
    ['a card, no package', { cards: [card] }, {}, 'onnx'],
    ['no card, the package', { packages: [forGpu] }, {}, 'onnx'],
    ['a card and the package for the CPU', { cards: [card], packages: [forCpu] }, {}, 'onnx'],
    ['a card and its package', { cards: [card], packages: [forGpu] }, {}, 'tfjs'],
    ['a card and its package, int8', { cards: [card], packages: [forGpu] }, { precision: 'int8' }, 'onnx'],
    ['a card and its package, two workers', { cards: [card], packages: [forGpu] }, { devices: 2 }, 'onnx'],
  ])('%s', async (_, found, asked, expected) => {
    expect((await choose(asked, machine(found))).name).toBe(expected);
  });
});

describe('--engine tfjs', () => {
  const tfjs = { engine: 'tfjs' } as const;

  test('names the card and its free memory', async () => {
    const { lines } = await choose(tfjs, machine({ cards: [card], packages: [forCpu, forGpu] }));
    expect(lines).toEqual(['tfjs engine on NVIDIA L4, 22.0 GiB free']);
  });

  test('says that it runs on the CPU, and why', async () => {
    expect((await choose(tfjs, machine({ packages: [forCpu] }))).lines).toEqual([
      'tfjs engine on the CPU: no CUDA device was found',
    ]);
    expect((await choose(tfjs, machine({ cards: [card], packages: [forCpu] }))).lines).toEqual([
      'tfjs engine on the CPU: @tensorflow/tfjs-node-gpu is not built (trainer setup-gpu builds it)',
    ]);
  });

  test.each([
    [
      'neither card nor package',
      {},
      'no CUDA device was found, and TensorFlow.js is not built; `trainer setup-gpu --cpu` builds it',
    ],
    [
      'a card, no package',
      { cards: [card] },
      '@tensorflow/tfjs-node-gpu is not built; `trainer setup-gpu` builds it',
    ],
    [
      'an old driver',
      { cards: [{ ...card, driver: '470.82' }], packages: [forGpu] },
      'the driver 470.82 of NVIDIA L4 is too old for CUDA 12: install 525 or newer',
    ],
  ])('%s: one line', async (_, found, expected) => {
    const refused = await choose(tfjs, machine(found)).catch(error => error);
    expect(refused).toMatchObject({ code: 'unavailable', message: expect.stringContaining(expected) });
    expect(refused.message).not.toContain('\n');
  });

  test.each([
    [{ devices: 2 }, '--devices goes with --engine onnx'],
    [{ device: 'cuda' as const }, '--device goes with --engine onnx'],
    [{ precision: 'fp16' }, 'use bf16'],
  ])('does not go with %o', async (asked, expected) => {
    await expect(choose({ ...tfjs, ...asked }, machine({ packages: [forCpu] }))).rejects.toMatchObject({
      code: 'usage',
      message: expect.stringContaining(expected),
    });
  });
});

test('--device cuda without the provider says how to get it', async () => {
  await expect(choose({ device: 'cuda' }, machine())).rejects.toMatchObject({
    code: 'unavailable',
    message: expect.stringContaining('npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12'),
  });
});

describe('nvidia-smi', () => {
  test('is read by its columns', async () => {
    const run = async () =>
      'NVIDIA H100 80GB HBM3, 560.35.03, 9.0, 81559, 81008\nNVIDIA L4, 550.54.15, 8.9, 24576, 22528\n';
    const [first, second] = await readCudaDevices(run);
    expect(first).toMatchObject({ name: 'NVIDIA H100 80GB HBM3', memoryBytes: 81559 * 2 ** 20 });
    expect(second).toEqual(card);
  });

  test.each([
    ['is not there', () => Promise.reject(new Error('spawn nvidia-smi ENOENT'))],
    [
      'finds no driver',
      async () => 'NVIDIA-SMI has failed because it could not communicate with the driver.\n',
    ],
    ['finds no device', async () => 'No devices were found\n'],
  ])('%s: no device', async (_, run) => {
    expect(await readCudaDevices(run)).toEqual([]);
  });
});

describe('doctor', () => {
  test('names what is missing with the command that adds it', async () => {
    const found = await diagnose(machine({ cards: [card] }), process.cwd());
    expect(found.engineByDefault).toBe('onnx');
    expect(found.missing.map(({ command }) => command)).toEqual([
      'trainer setup-gpu',
      'npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12',
    ]);
    expect(describeDiagnosis(found).join('\n')).toContain(
      'device: NVIDIA L4, compute capability 8.9, driver 550.54.15, 22.0 GiB of 24.0 GiB free',
    );
  });
});
