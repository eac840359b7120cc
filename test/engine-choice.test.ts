/** Which engine a run gets on which machine, and the line that says what is missing. */
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { type CudaDevice, readCudaDevices } from '../trainer/cuda.ts';
import { describeDiagnosis, diagnose } from '../trainer/diagnosis.ts';
import { chooseEngine, type EngineWishes, type Machine } from '../trainer/engine-choice.ts';
import type { Probed } from '../trainer/setup/probe.ts';

const card: CudaDevice = {
  name: 'NVIDIA L4',
  driver: '550.54.15',
  computeCapability: '8.9',
  memoryBytes: 24 * 2 ** 30,
  freeBytes: 22 * 2 ** 30,
};
const oldCard: CudaDevice = { ...card, driver: '470.82' };
const forGpu = { name: '@tensorflow/tfjs-node-gpu', folder: 'gpu' } as const;
const forCpu = { name: '@tensorflow/tfjs-node', folder: 'cpu' } as const;
const machine = (
  found: {
    cards?: CudaDevice[];
    packages?: (typeof forGpu | typeof forCpu)[];
    hasProvider?: boolean;
    loads?: Probed;
  } = {},
): Machine => ({
  cudaDevices: async () => found.cards ?? [],
  tfjsPackages: () => found.packages ?? [],
  hasCudaProvider: () => found.hasProvider ?? false,
  probe: async () => found.loads ?? { version: '2.21.0', device: 'cpu' },
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
    ['a card with an old driver, and the package', { cards: [oldCard], packages: [forGpu] }, {}, 'onnx'],
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
      { cards: [oldCard], packages: [forGpu] },
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

describe('--device cuda with the provider', () => {
  const cuda = { device: 'cuda' } as const;

  test('runs on the card', async () => {
    expect((await choose(cuda, machine({ cards: [card], hasProvider: true }))).name).toBe('onnx');
  });

  test.each([
    [
      'no card',
      {},
      '--device cuda: no CUDA device was found (nvidia-smi tells of none), or use --device cpu',
    ],
    [
      'an old driver',
      { cards: [oldCard] },
      '--device cuda: the driver 470.82 of NVIDIA L4 is too old for CUDA 12: install 525 or newer, or use --device cpu',
    ],
  ])('%s: one line', async (_, found, message) => {
    await expect(choose(cuda, machine({ ...found, hasProvider: true }))).rejects.toMatchObject({
      code: 'unavailable',
      message,
    });
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

  /** Two packages of that name beside each other, as npm lays them out. */
  const withPackage = async (name: string, use: (folder: string) => Promise<void>) => {
    const folder = await mkdtemp(join(tmpdir(), 'veneer-doctor-'));
    const installed = join(folder, 'node_modules', name);
    await mkdir(installed, { recursive: true });
    await writeFile(join(installed, 'package.json'), '{ "version": "4.22.0" }');
    await use(folder).finally(() => rm(folder, { recursive: true }));
  };
  const diagnosisOf = async (found: Parameters<typeof machine>[0], { name }: { name: string }) => {
    let said: { lines: string[]; missing: string[]; byDefault: string } | undefined;
    await withPackage(name, async folder => {
      const here = machine({ ...found, packages: [{ name, folder } as unknown as typeof forGpu] });
      const diagnosis = await diagnose(here, process.cwd());
      const missing = diagnosis.missing.map(({ command }) => command);
      const lines = describeDiagnosis(diagnosis).map(line => line.replace(folder, 'FOLDER'));
      said = { lines, missing, byDefault: diagnosis.engineByDefault };
    });
    return said!;
  };

  test('tells which TensorFlow a package loads, and what that computes on', async () => {
    const { lines, missing } = await diagnosisOf({}, forCpu);
    expect(lines).toContain(
      'engine tfjs: @tensorflow/tfjs-node 4.22.0 on TensorFlow 2.21.0, computes on the CPU, in FOLDER',
    );
    expect(lines).toContain('device: no CUDA device (nvidia-smi tells of none)');
    expect(lines.some(line => line.startsWith('engine onnx: onnxruntime-node '))).toBe(true);
    expect(missing).toEqual([]);
  });

  test('tells of a package that does not load, and of one that does not see the card', async () => {
    const fault = 'libcudart.so.12: cannot open shared object file';
    const broken = await diagnosisOf({ cards: [card], hasProvider: true, loads: { fault } }, forGpu);
    expect(broken.lines).toContain('engine tfjs: @tensorflow/tfjs-node-gpu 4.22.0 does not load, in FOLDER');
    expect(broken.lines).toContain(
      `missing: a @tensorflow/tfjs-node-gpu that loads (${fault}); add it with trainer setup-gpu --force`,
    );
    const blind = await diagnosisOf({ cards: [card], hasProvider: true }, forGpu);
    expect(blind.missing).toEqual(['trainer setup-gpu --force']);
    const seeing = await diagnosisOf(
      { cards: [card], hasProvider: true, loads: { version: '2.21.0', device: 'gpu' } },
      forGpu,
    );
    expect(seeing).toMatchObject({ missing: [], byDefault: 'tfjs' });
  });

  test('tells of a driver that is too old, with which training is on the CPU', async () => {
    const { lines, byDefault } = await diagnosisOf({ cards: [oldCard], hasProvider: true }, forGpu);
    expect(byDefault).toBe('onnx');
    expect(lines.join('\n')).toContain('missing: the driver 470.82 of NVIDIA L4 is too old for CUDA 12');
  });
});
