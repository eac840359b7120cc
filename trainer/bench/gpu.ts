/**
 * `npm run bench -- gpu`: the tfjs engine's training step, in turn with its peers. With a CUDA device: MiniLM-L6 and
 * MPNet-base at two batch sizes in TF32, bf16 and float32 against PyTorch + PEFT on the same card (VENEER_BENCH_PYTHON).
 * Without one: on the CPU against the onnx engine. Needs no network and no store. A row is printed and written to
 * bench-gpu.json when it is there, and one that fails (too little memory, say) says so in its place.
 *
 * Dispatch is the share of the step in which the host is busy issuing ops. On a GPU that is all of it until the last op is
 * launched, since calls return before their ops are done; `in JavaScript` is what of it is outside TensorFlow's library. On
 * the CPU a call is the op itself, so that dispatch is what is outside the calls, and both are the same.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type CudaDevice, readCudaDevices } from '../cuda.ts';
import { inTurnSettled, type Measured, type Result, startMeasured } from './child.ts';
import { encoders, writeRandomWeights } from './random-base.ts';
import type { StepBench } from './step.ts';

const ours = fileURLToPath(new URL('./bench/step.js', import.meta.url));
const length = 128;
const bars = { cpuTime: 1.8, cpuMemory: 2.5, gpuTime: 1.5 };
const turns = { rounds: 5, stepsPerRound: 3 };

export type Row = Record<string, string | number>;

/** What is run in turn, and the row that its results make. */
export interface Pairing {
  about: Row;
  sides: readonly { name: string; start(): Promise<Measured> }[];
  describe(own: Result, peer: Result | undefined): Row;
}

type EncoderName = keyof typeof encoders;
type Spec = Pick<StepBench, 'batch' | 'engine' | 'products' | 'tf32' | 'device'>;

const names = Object.keys(encoders) as EncoderName[];
const weightsPath = (folder: string, name: EncoderName) => join(folder, `${name}.safetensors`);

function stepBench(folder: string, name: EncoderName, spec: Spec): StepBench {
  return {
    ...{ base: { weightsPath: weightsPath(folder, name) }, config: encoders[name] },
    ...{ modules: ['q', 'v'], rank: 8, length, labels: 77, threads: 2, ...spec },
  };
}

const startOurs = (bench: StepBench, env: Record<string, string> = {}) =>
  startMeasured(process.execPath, [ours, JSON.stringify(bench)], env);

const percent = (part: number, whole: number) => `${Math.round((100 * part) / whole)} %`;

function cpuPairings(folder: string): Pairing[] {
  const bench = (engine: 'onnx' | 'tfjs') => stepBench(folder, 'MiniLM-L6', { batch: 16, engine });
  return [
    {
      about: { base: 'MiniLM-L6', shape: `16x${length}` },
      sides: (['tfjs', 'onnx'] as const).map(name => ({ name, start: () => startOurs(bench(name)) })),
      describe: describeCpu,
    },
  ];
}

export function describeCpu(tfjs: Result, onnx: Result | undefined): Row {
  const own = {
    ...{ 'tfjs ms': Math.round(tfjs.ms), 'tfjs MB': Math.round(tfjs.peakRssMb) },
    dispatch: percent(tfjs.issuingMs! - tfjs.callsMs!, tfjs.ms),
  };
  if (!onnx) return own;
  const [time, memory] = [tfjs.ms / onnx.ms, tfjs.peakRssMb / onnx.peakRssMb];
  return {
    ...{ ...own, 'onnx ms': Math.round(onnx.ms), 'onnx MB': Math.round(onnx.peakRssMb) },
    ...{ 'time ratio': time.toFixed(2), 'memory ratio': memory.toFixed(2) },
    bars: time <= bars.cpuTime && memory < bars.cpuMemory ? 'met' : 'missed',
  };
}

/** TF32 and bf16 first: a lease may end before the last row. */
function gpuPairings(folder: string, device: CudaDevice, python: string | undefined): Pairing[] {
  return (['TF32', 'bf16', 'fp32'] as const).flatMap(precision =>
    names.flatMap(name =>
      [32, 128].map((batch): Pairing => {
        const products = precision === 'bf16' ? 'bf16' : 'fp32';
        const tf32 = precision === 'TF32';
        const bench = stepBench(folder, name, { batch, engine: 'tfjs', products, tf32, device: 'cuda' });
        const env: Record<string, string> = precision === 'fp32' ? { NVIDIA_TF32_OVERRIDE: '0' } : {};
        const argument = JSON.stringify(bench);
        const peer = (command: string) => ({
          name: 'torch',
          start: () => startMeasured(command, [resolve('trainer/bench/step.py'), argument]),
        });
        return {
          about: { device: device.name, base: name, shape: `${batch}x${length}`, precision },
          sides: [{ name: 'ours', start: () => startOurs(bench, env) }, ...(python ? [peer(python)] : [])],
          describe: (own, torch) => describeGpu(own, { torch, tokens: batch * length }),
        };
      }),
    ),
  );
}

export function describeGpu(
  own: Result,
  { torch, tokens }: { torch: Result | undefined; tokens: number },
): Row {
  return {
    ...{ 'ours ms': own.ms.toFixed(1), 'tokens/s': Math.round(tokens / (own.ms / 1000)) },
    dispatch: percent(own.issuingMs!, own.ms),
    'in JavaScript': percent(own.issuingMs! - own.callsMs!, own.ms),
    ...(torch
      ? {
          ...{ 'torch ms': torch.ms.toFixed(1), 'time ratio': (own.ms / torch.ms).toFixed(2) },
          bar: own.ms <= bars.gpuTime * torch.ms ? 'met' : 'missed',
        }
      : {}),
  };
}

/** One row after the other, each handed to `keep` with those before it. */
export async function measureRows(
  pairings: readonly Pairing[],
  keep: (rows: readonly Row[]) => Promise<void>,
): Promise<void> {
  const rows: Row[] = [];
  for (const { about, sides, describe } of pairings) {
    const opened: (Measured | Error)[] = [];
    for (const { start } of sides) opened.push(await start().catch((error: Error) => error));
    const results = await inTurnSettled(opened, turns);
    for (const side of opened) if (!(side instanceof Error)) side.close();
    const failures = results.flatMap((result, i) =>
      result instanceof Error ? [`${sides[i]!.name}: ${result.message}`] : [],
    );
    const [own, peer] = results.map(result => (result instanceof Error ? undefined : result));
    rows.push({
      ...about,
      ...(own ? describe(own, peer) : {}),
      ...(failures.length > 0 ? { failed: failures.join('; ') } : {}),
    });
    await keep(rows);
  }
}

export async function benchGpu(): Promise<void> {
  const [gpu] = await readCudaDevices();
  const python = process.env.VENEER_BENCH_PYTHON;
  if (!gpu) console.log('no CUDA device here: the CPU rows alone');
  else if (!python)
    console.log('PyTorch is skipped: VENEER_BENCH_PYTHON names no Python with torch and peft');
  const folder = await mkdtemp(join(tmpdir(), 'veneer-bench-'));
  let all: readonly Row[] = [];
  try {
    for (const name of gpu ? names : (['MiniLM-L6'] as const))
      await writeRandomWeights(encoders[name], weightsPath(folder, name));
    await measureRows(gpu ? gpuPairings(folder, gpu, python) : cpuPairings(folder), async rows => {
      all = rows;
      console.log(JSON.stringify(rows.at(-1)));
      await writeFile('bench-gpu.json', `${JSON.stringify(rows, null, 2)}\n`);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  console.table(all);
}
