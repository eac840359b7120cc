/** What this machine can train with: engines, their versions, devices, memory, and what is missing with what adds it. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { CudaDevice } from './cuda.ts';
import { driverFault, type Machine } from './engine-choice.ts';
import { packageOf, type TfjsPackage } from './engines/tfjs-package.ts';
import type { Probed } from './setup/probe.ts';

type FoundPackage = TfjsPackage & { version: string; loads: Probed };

export interface Missing {
  what: string;
  command: string;
}

export interface Diagnosis {
  node: string;
  platform: string;
  threads: number;
  memory: { totalBytes: number; freeBytes: number };
  devices: CudaDevice[];
  engines: {
    onnx: { version: string; providers: string[] };
    /** Built packages, the one for GPUs first. */
    tfjs: FoundPackage[];
  };
  /** What `train` takes where no engine is named. */
  engineByDefault: 'onnx' | 'tfjs';
  missing: Missing[];
}

async function versionOf(name: string, folder: string): Promise<string> {
  const { resolve } = createRequire(join(folder, 'package.json'));
  return JSON.parse(await readFile(resolve(`${name}/package.json`), 'utf8')).version;
}

export async function diagnose(machine: Machine, own: string): Promise<Diagnosis> {
  const devices = await machine.cudaDevices();
  const packages = await Promise.all(
    machine.tfjsPackages().map(
      async (found): Promise<FoundPackage> => ({
        ...found,
        version: await versionOf(found.name, found.folder),
        loads: await machine.probe(found),
      }),
    ),
  );
  const hasGpuPackage = packages.some(found => found.name === packageOf.gpu);
  const faults = devices.map(driverFault);
  const missing: Missing[] = [];
  for (const fault of faults)
    if (fault) missing.push({ what: fault, command: "the system's own packages, or NVIDIA's installer" });
  if (devices.length > 0 && !hasGpuPackage)
    missing.push({ what: 'the tfjs engine on the GPU', command: 'trainer setup-gpu' });
  missing.push(...packages.flatMap(found => missingOf(found, devices)));
  if (devices.length > 0 && !machine.hasCudaProvider())
    missing.push({
      what: 'the onnx engine on the GPU (--device cuda)',
      command: 'npm rebuild onnxruntime-node --onnxruntime-node-install=cuda12',
    });
  if (devices.length === 0 && packages.length === 0)
    missing.push({ what: 'the tfjs engine (there is no CUDA device)', command: 'trainer setup-gpu --cpu' });
  return {
    node: process.versions.node,
    platform: `${process.platform}-${process.arch}`,
    threads: availableParallelism(),
    memory: { totalBytes: totalmem(), freeBytes: freemem() },
    devices,
    engines: {
      onnx: {
        version: await versionOf('onnxruntime-node', own),
        providers: machine.hasCudaProvider() ? ['cpu', 'cuda'] : ['cpu'],
      },
      tfjs: packages,
    },
    engineByDefault: devices.length > 0 && !faults[0] && hasGpuPackage ? 'tfjs' : 'onnx',
    missing,
  };
}

function missingOf({ name, loads }: FoundPackage, devices: readonly CudaDevice[]): Missing[] {
  const command = `trainer setup-gpu${name === packageOf.cpu ? ' --cpu' : ''} --force`;
  if ('fault' in loads) return [{ what: `a ${name} that loads (${loads.fault})`, command }];
  if (name !== packageOf.gpu || devices.length === 0 || loads.device === 'gpu') return [];
  return [{ what: `CUDA libraries with which ${name} sees the GPU`, command }];
}

const computesOn = { gpu: 'the GPU', cpu: 'the CPU', javascript: 'JavaScript' } as const;

function describePackage({ name, version, folder, loads }: FoundPackage): string {
  const what =
    'fault' in loads
      ? 'does not load'
      : `on TensorFlow ${loads.version}, computes on ${computesOn[loads.device]}`;
  return `engine tfjs: ${name} ${version} ${what}, in ${folder}`;
}

const gib = (bytes: number) => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** A line for each thing. */
export function describeDiagnosis({ engines, devices, memory, missing, ...found }: Diagnosis): string[] {
  return [
    `node ${found.node} on ${found.platform}, ${found.threads} threads, ${gib(memory.freeBytes)} of ${gib(memory.totalBytes)} free`,
    ...(devices.length === 0 ? ['device: no CUDA device (nvidia-smi tells of none)'] : []),
    ...devices.map(
      gpu =>
        `device: ${gpu.name}, compute capability ${gpu.computeCapability}, driver ${gpu.driver}, ${gib(gpu.freeBytes)} of ${gib(gpu.memoryBytes)} free`,
    ),
    `engine onnx: onnxruntime-node ${engines.onnx.version} on ${engines.onnx.providers.join(', ')}`,
    ...(engines.tfjs.length === 0 ? ['engine tfjs: not built'] : engines.tfjs.map(describePackage)),
    `train takes ${found.engineByDefault} where no --engine is given`,
    ...missing.map(({ what, command }) => `missing: ${what}; add it with ${command}`),
  ];
}
