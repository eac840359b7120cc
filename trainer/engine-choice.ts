/** Which engine a run gets, from what was asked for and what this machine has; what is missing is said with its command. */
import { VeneerError } from '../functions/error.ts';
import { type CudaDevice, readCudaDevices } from './cuda.ts';
import type { Engine } from './engines/engine.ts';
import { hasCudaProvider, onnxEngine } from './engines/onnx.ts';
import type { Spent } from './engines/spent.ts';
import type { ProductPrecision } from './engines/tfjs.ts';
import { findTfjsPackages, packageOf, type TfjsPackage } from './engines/tfjs-package.ts';
import { type TfjsProcessOptions, tfjsProcessEngine } from './engines/tfjs-process.ts';
import { type Probed, probeTfjs } from './setup/probe.ts';

export const engineNames = ['onnx', 'tfjs'] as const;
export type EngineName = (typeof engineNames)[number];

/** What this machine has, asked for when it is needed. */
export interface Machine {
  cudaDevices(): Promise<CudaDevice[]>;
  tfjsPackages(): TfjsPackage[];
  hasCudaProvider(): boolean;
  /** What a package loads. */
  probe(found: TfjsPackage): Promise<Probed>;
}

export function thisMachine(cacheDir: string): Machine {
  return {
    cudaDevices: () => readCudaDevices(),
    tfjsPackages: () => findTfjsPackages(cacheDir),
    hasCudaProvider,
    probe: probeTfjs,
  };
}

export interface EngineWishes {
  /** Chosen where left out: tfjs where there are a CUDA device and the package for it, else onnx. */
  engine?: EngineName | undefined;
  /** Where the onnx engine runs. */
  device?: 'cpu' | 'cuda' | undefined;
  /** Worker processes. */
  devices: number;
  precision: string;
  threads: number;
}

/** What the onnx engine does not compute products in; fp16 no engine does. */
export const productPrecisions = ['bf16', 'fp16'];
/** A driver that runs CUDA 12. https://docs.nvidia.com/deploy/cuda-compatibility/ */
const oldestDriver = 525;

/** What keeps CUDA 12 from running on a device; undefined where nothing does. */
export function driverFault({ name, driver }: CudaDevice): string | undefined {
  if (Number.parseFloat(driver) >= oldestDriver) return undefined;
  return `the driver ${driver} of ${name} is too old for CUDA 12: install ${oldestDriver} or newer`;
}

export async function chooseEngine(
  wishes: EngineWishes,
  machine: Machine,
  log: (line: string) => void,
): Promise<Engine> {
  const name = wishes.engine ?? (await engineByItself(wishes, machine, log));
  return name === 'tfjs' ? tfjsEngineOf(wishes, machine, log) : onnxEngineOf(wishes, machine);
}

async function engineByItself(
  { device, devices, precision }: EngineWishes,
  machine: Machine,
  log: (line: string) => void,
): Promise<EngineName> {
  if (device !== undefined || devices > 1 || precision === 'int8' || precision === 'int4') return 'onnx';
  if (!machine.tfjsPackages().some(({ name }) => name === packageOf.gpu)) return 'onnx';
  const [gpu] = await machine.cudaDevices();
  if (!gpu) return 'onnx';
  const fault = driverFault(gpu);
  if (fault) log(`onnx engine on the CPU: ${fault}`);
  return fault ? 'onnx' : 'tfjs';
}

/** Several devices are processes, so that one may be lost; they share the threads. */
async function onnxEngineOf(
  { device = 'cpu', devices, precision, threads }: EngineWishes,
  machine: Machine,
): Promise<Engine> {
  if (productPrecisions.includes(precision))
    throw new VeneerError(
      'usage',
      `--precision ${precision} is not computed by the onnx engine: use fp32, int8, int4, or bf16 with --engine tfjs`,
    );
  if (device === 'cuda' && !machine.hasCudaProvider())
    throw new VeneerError(
      'unavailable',
      '--device cuda: onnxruntime-node has no CUDA provider here; `npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12` fetches it (CUDA 12 and cuDNN 9 must be installed), or use --engine tfjs',
    );
  const freeBytes = device === 'cuda' ? (await cudaDeviceOf(machine)).freeBytes / devices : undefined;
  if (devices === 1) return onnxEngine({ threads, device, freeBytes });
  const share = Math.max(1, Math.floor(threads / devices));
  return onnxEngine({ threads: share, host: 'process', device, freeBytes });
}

async function cudaDeviceOf(machine: Machine): Promise<CudaDevice> {
  const [gpu] = await machine.cudaDevices();
  const fault = gpu ? driverFault(gpu) : 'no CUDA device was found (nvidia-smi tells of none)';
  if (!gpu || fault) throw new VeneerError('unavailable', `--device cuda: ${fault}, or use --device cpu`);
  return gpu;
}

async function tfjsEngineOf(
  { device, devices, precision, threads, onSpent }: EngineWishes & Pick<TfjsProcessOptions, 'onSpent'>,
  machine: Machine,
  log: (line: string) => void,
): Promise<Engine> {
  if (device !== undefined)
    throw new VeneerError(
      'usage',
      '--device goes with --engine onnx; the tfjs engine takes the GPU there is',
    );
  if (devices > 1) throw new VeneerError('usage', '--devices goes with --engine onnx: tfjs is one process');
  if (precision === 'fp16')
    throw new VeneerError('usage', '--precision fp16 is not computed by the tfjs engine: use bf16');
  const options = { precision: precision === 'bf16' ? 'bf16' : 'fp32', threads, onSpent } as const;
  const packages = machine.tfjsPackages();
  const [gpu] = await machine.cudaDevices();
  const forGpu = packages.find(({ name }) => name === packageOf.gpu);
  const forCpu = packages.find(({ name }) => name === packageOf.cpu);
  if (gpu && forGpu) {
    const fault = driverFault(gpu);
    if (fault) throw new VeneerError('unavailable', `${fault}, or use --engine onnx`);
    log(`tfjs engine on ${gpu.name}, ${(gpu.freeBytes / 2 ** 30).toFixed(1)} GiB free`);
    return tfjsProcessEngine({ ...options, package: forGpu, freeBytes: gpu.freeBytes });
  }
  if (gpu && !forCpu) throw missing(`${packageOf.gpu} is not built`, 'trainer setup-gpu');
  const found = forCpu ?? forGpu;
  if (!found)
    throw missing('no CUDA device was found, and TensorFlow.js is not built', 'trainer setup-gpu --cpu');
  log(
    gpu
      ? `tfjs engine on the CPU: ${packageOf.gpu} is not built (trainer setup-gpu builds it)`
      : 'tfjs engine on the CPU: no CUDA device was found',
  );
  return tfjsProcessEngine({ ...options, package: found, freeBytes: undefined });
}

function missing(what: string, command: string): VeneerError {
  return new VeneerError(
    'unavailable',
    `--engine tfjs: ${what}; \`${command}\` builds it, or use --engine onnx`,
  );
}

/** The tfjs engine of this machine, for the bench. */
export function openTfjsEngine({
  cacheDir,
  ...told
}: {
  precision: ProductPrecision;
  threads: number;
  onSpent(spent: Spent): void;
  cacheDir: string;
}): Promise<Engine> {
  const wishes = { devices: 1, ...told };
  return tfjsEngineOf(wishes, thisMachine(cacheDir), line => process.stderr.write(`${line}\n`));
}
