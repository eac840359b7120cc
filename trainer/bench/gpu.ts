/**
 * `npm run bench -- gpu`: the tfjs engine's training step, in turn with its peers. With a CUDA device: MiniLM-L6 and
 * MPNet-base at two batch sizes in TF32 and bf16 against PyTorch + PEFT on the same card (VENEER_BENCH_PYTHON). Without one:
 * on the CPU against the onnx engine.
 */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readBase } from '../../functions/artifacts/bases.ts';
import { openStore } from '../../functions/store/open.ts';
import { pullBase } from '../commands/pull-base.ts';
import { readCudaDevices } from '../cuda.ts';
import { openBenchBase } from './base.ts';
import { inTurn, type Measured, startMeasured } from './child.ts';
import type { StepBench } from './step.ts';

const ours = fileURLToPath(new URL('./bench/step.js', import.meta.url));
const length = 128;
const bars = { cpuTime: 1.8, cpuMemory: 2.5, gpuTime: 1.5 };

/** Names in the store, and what is pulled where they are not there. */
const bases = [
  ['minilm-l6', 'minilm-l6'],
  ['mpnet-base', 'sentence-transformers/all-mpnet-base-v2'],
] as const;

type Row = Record<string, string | number>;

const stepOf = (bench: StepBench) => startMeasured(process.execPath, [ours, JSON.stringify(bench)]);

async function measure(sides: Measured[]) {
  try {
    return await inTurn(sides, { rounds: 5, stepsPerRound: 3 });
  } finally {
    for (const side of sides) side.close();
  }
}

async function benchCpu(): Promise<Row[]> {
  const { store, manifest } = await openBenchBase();
  const bench = (engine: 'onnx' | 'tfjs'): StepBench => ({
    ...{ store: store.url, base: manifest.name, precision: 'fp32', config: manifest.config },
    ...{ modules: ['q', 'v'], rank: 8, batch: 16, length, labels: 77, threads: 2, engine },
  });
  const [onnx, tfjs] = await measure([await stepOf(bench('onnx')), await stepOf(bench('tfjs'))]);
  const [time, memory] = [tfjs!.ms / onnx!.ms, tfjs!.peakRssMb / onnx!.peakRssMb];
  return [
    {
      ...{ base: manifest.name, shape: `16x${length}`, 'onnx ms': Math.round(onnx!.ms) },
      ...{ 'tfjs ms': Math.round(tfjs!.ms), 'time ratio': time.toFixed(2) },
      ...{ 'onnx MB': Math.round(onnx!.peakRssMb), 'tfjs MB': Math.round(tfjs!.peakRssMb) },
      ...{ 'memory ratio': memory.toFixed(2) },
      bars: time <= bars.cpuTime && memory < bars.cpuMemory ? 'met' : 'missed',
    },
  ];
}

async function benchCuda(device: string): Promise<Row[]> {
  const python = process.env.VENEER_BENCH_PYTHON;
  if (!python) console.log('PyTorch is skipped: VENEER_BENCH_PYTHON names no Python with torch and peft');
  const store = await openStore(process.env.VENEER_STORE || 'file:.veneer');
  const rows: Row[] = [];
  for (const [name, wanted] of bases) {
    const manifest = await readBase(store, name).catch(async () => {
      await pullBase(store, { wanted, name, force: false, probe: false }, console.log);
      return readBase(store, name);
    });
    for (const batch of [32, 128])
      for (const products of ['fp32', 'bf16'] as const) {
        const bench: StepBench = {
          ...{ store: store.url, base: name, precision: 'fp32', config: manifest.config },
          ...{ modules: ['q', 'v'], rank: 8, batch, length, labels: 77, threads: 2 },
          ...{ engine: 'tfjs', products, device: 'cuda' },
        };
        const sides = [await stepOf(bench)];
        if (python)
          sides.push(await startMeasured(python, [resolve('trainer/bench/step.py'), JSON.stringify(bench)]));
        const [own, peer] = await measure(sides);
        rows.push({
          ...{ device, base: name, shape: `${batch}x${length}` },
          ...{ precision: products === 'fp32' ? 'TF32' : 'bf16', 'ours ms': own!.ms.toFixed(1) },
          'tokens/s': Math.round((batch * length) / (own!.ms / 1000)),
          ...(peer
            ? {
                ...{ 'torch ms': peer.ms.toFixed(1), 'time ratio': (own!.ms / peer.ms).toFixed(2) },
                bar: own!.ms <= bars.gpuTime * peer.ms ? 'met' : 'missed',
              }
            : {}),
        });
      }
  }
  return rows;
}

export async function benchGpu(): Promise<void> {
  const [gpu] = await readCudaDevices();
  if (!gpu) console.log('no CUDA device here: the CPU rows alone');
  const rows = gpu ? await benchCuda(gpu.name) : await benchCpu();
  console.table(rows);
  await writeFile('bench-gpu.json', `${JSON.stringify(rows, null, 2)}\n`);
}
