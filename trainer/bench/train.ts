/**
 * `npm run bench -- train`: time and peak memory of a training step against PyTorch + PEFT, step by step in turn. The peer
 * runs where VENEER_BENCH_PYTHON names a Python with torch, transformers and peft. PyTorch is run with its own allocator
 * settings and with settings that keep freed memory, and compared at its faster. PaddleNLP's step is recorded beside it where
 * VENEER_BENCH_PADDLE names a Python with paddlepaddle and paddlenlp.
 */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BaseManifest, TargetModule } from '../../functions/artifacts/manifests.ts';
import { trainingPrecisions } from '../base/frozen-base.ts';
import { openBenchBase } from './base.ts';
import { inTurn, type Measured, startMeasured } from './child.ts';
import type { StepBench } from './step.ts';

const threads = 2;
const rank = 8;
const batch = 16;
const rounds = 7;
const stepsPerRound = 3;
const cases: { modules: TargetModule[]; length: number }[] = [
  { modules: ['q', 'v'], length: 128 },
  { modules: ['q', 'k', 'v', 'o', 'u', 'd'], length: 128 },
  { modules: ['q', 'v'], length: 32 },
  { modules: ['q', 'k', 'v', 'o', 'u', 'd'], length: 32 },
];
const keepFreed = {
  MALLOC_TOP_PAD_: '268435456',
  MALLOC_MMAP_THRESHOLD_: '1073741824',
  MALLOC_TRIM_THRESHOLD_: '4294967296',
};

/** Multiply-adds of the encoder's products, forward and backward through activations: the floor of the step. */
function gigaflops(
  { config: { layers, hiddenSize: h, intermediateSize: f } }: BaseManifest,
  length: number,
): number {
  const tokens = batch * length;
  const linear = 2 * tokens * (4 * h * h + 2 * h * f);
  const attention = 2 * 2 * tokens * length * h;
  return (layers * (2 * linear + 3 * attention)) / 1e9;
}

export async function benchTrain(): Promise<void> {
  const { store, manifest } = await openBenchBase();
  const python = process.env.VENEER_BENCH_PYTHON;
  if (!python)
    console.log('PyTorch is skipped: VENEER_BENCH_PYTHON names no Python with torch, transformers and peft');
  const paddle = process.env.VENEER_BENCH_PADDLE;
  const ours = fileURLToPath(new URL('./bench/step.js', import.meta.url));
  const table: Record<string, string | number>[] = [];
  for (const { modules, length } of cases) {
    const bench: StepBench = {
      base: { store: store.url, name: manifest.name, precision: 'fp32' },
      config: manifest.config,
      modules,
      rank,
      batch,
      length,
      labels: 77,
      threads,
    };
    const argument = JSON.stringify(bench);
    const precisions = manifest.precision === 'int8' ? trainingPrecisions : (['fp32', 'int4'] as const);
    const sides: Measured[] = [];
    for (const precision of precisions) {
      const base = { store: store.url, name: manifest.name, precision };
      sides.push(await startMeasured(process.execPath, [ours, JSON.stringify({ ...bench, base })]));
    }
    if (python)
      for (const env of [{}, keepFreed])
        sides.push(await startMeasured(python, [resolve('trainer/bench/step.py'), argument], env));
    if (paddle)
      sides.push(
        await startMeasured(paddle, [resolve('trainer/bench/paddle_step.py'), argument], {
          OMP_NUM_THREADS: String(threads),
        }),
      );
    const results = await inTurn(sides, { rounds, stepsPerRound });
    for (const side of sides) side.close();
    const paddles = paddle ? results.pop() : undefined;
    const peers = results.slice(precisions.length).sort((a, b) => a.ms - b.ms);
    const [fastest] = peers;
    const leanest = Math.min(...peers.map(peer => peer.peakRssMb));
    precisions.forEach((precision, i) => {
      const own = results[i]!;
      table.push({
        base: manifest.name,
        precision,
        modules: modules.join(','),
        shape: `${batch}x${length}`,
        'ours ms': Math.round(own.ms),
        'GFLOP/s': Math.round(gigaflops(manifest, length) / (own.ms / 1000)),
        'ours MB': Math.round(own.peakRssMb),
        ...(fastest
          ? {
              'torch ms': Math.round(fastest.ms),
              'torch MB': Math.round(fastest.peakRssMb),
              'time ratio': (own.ms / fastest.ms).toFixed(2),
              'memory ratio': (own.peakRssMb / leanest).toFixed(2),
            }
          : {}),
        ...(paddles ? { 'paddle ms': Math.round(paddles.ms) } : {}),
      });
    });
  }
  console.table(table);
  await writeFile('bench-train.json', `${JSON.stringify(table, null, 2)}\n`);
}
