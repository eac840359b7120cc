/**
 * `npm run bench -- train`: time and peak memory of a training step against PyTorch + PEFT, step by step in turn. The peer
 * runs where VENEER_BENCH_PYTHON names a Python with torch, transformers and peft. PyTorch is run with its own allocator
 * settings and with settings that keep freed memory, and compared at its faster.
 */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { baseFile, readBase } from '../../functions/artifacts/bases.ts';
import type { BaseManifest, TargetModule } from '../../functions/artifacts/manifests.ts';
import { openStore } from '../../functions/store/open.ts';
import { cacheDir } from '../commands/command.ts';
import { pullBase } from '../commands/pull-base.ts';
import { type Measured, startMeasured } from './child.ts';
import type { StepBench } from './step.ts';

const base = 'minilm-l6';
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

interface Result {
  ms: number;
  peakRssMb: number;
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1]!;

/** Runs all sides in turn, after one round of warm-up. */
async function inTurn(sides: Measured[]): Promise<Result[]> {
  const times: number[][] = sides.map(() => []);
  const peaks: number[] = sides.map(() => 0);
  for (let round = 0; round <= rounds; round++)
    for (const [i, side] of sides.entries()) {
      const { ms, peakRssMb } = await side.go(stepsPerRound);
      if (round > 0) times[i]!.push(...ms);
      peaks[i] = peakRssMb;
    }
  return sides.map((_, i) => ({ ms: median(times[i]!), peakRssMb: peaks[i]! }));
}

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
  const store = await openStore(process.env.VENEER_STORE || 'file:.veneer');
  const manifest = await readBase(store, base).catch(async () => {
    await pullBase(store, { wanted: base, force: false }, console.log);
    return readBase(store, base);
  });
  const weights = await baseFile(store, base, manifest.weights, cacheDir);
  const python = process.env.VENEER_BENCH_PYTHON;
  if (!python)
    console.log('PyTorch is skipped: VENEER_BENCH_PYTHON names no Python with torch, transformers and peft');
  const ours = fileURLToPath(new URL('./bench/step.js', import.meta.url));
  const table: Record<string, string | number>[] = [];
  for (const { modules, length } of cases) {
    const bench: StepBench = {
      weights,
      config: manifest.config,
      modules,
      rank,
      batch,
      length,
      labels: 77,
      threads,
    };
    const argument = JSON.stringify(bench);
    const sides = [await startMeasured(process.execPath, [ours, argument])];
    if (python)
      for (const env of [{}, keepFreed])
        sides.push(await startMeasured(python, [resolve('trainer/bench/step.py'), argument], env));
    const [own, ...peers] = await inTurn(sides);
    for (const side of sides) side.close();
    const fastest = peers.sort((a, b) => a.ms - b.ms)[0];
    table.push({
      modules: modules.join(','),
      shape: `${batch}x${length}`,
      'ours ms': Math.round(own!.ms),
      'GFLOP/s': Math.round(gigaflops(manifest, length) / (own!.ms / 1000)),
      'ours MB': Math.round(own!.peakRssMb),
      ...(fastest
        ? {
            'torch ms': Math.round(fastest.ms),
            'torch MB': Math.round(fastest.peakRssMb),
            'time ratio': (own!.ms / fastest.ms).toFixed(2),
            'memory ratio': (own!.peakRssMb / Math.min(...peers.map(peer => peer.peakRssMb))).toFixed(2),
          }
        : {}),
    });
  }
  console.table(table);
  await writeFile('bench-train.json', `${JSON.stringify(table, null, 2)}\n`);
}
