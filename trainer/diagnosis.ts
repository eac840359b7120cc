/** What this machine can train with: engines, their versions, devices, memory, and what is missing with what adds it. */
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { availableParallelism, freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { CudaDevice } from './cuda.ts';
import type { Machine } from './engine-choice.ts';
import { packageOf } from './engines/tfjs-package.ts';

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
    tfjs: { name: string; version: string; folder: string }[];
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
  const packages = machine.tfjsPackages();
  const has = (name: string) => packages.some(found => found.name === name);
  const missing: Missing[] = [];
  if (devices.length > 0 && !has(packageOf.gpu))
    missing.push({ what: 'the tfjs engine on the GPU', command: 'trainer setup-gpu' });
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
      tfjs: await Promise.all(
        packages.map(async ({ name, folder }) => ({ name, folder, version: await versionOf(name, folder) })),
      ),
    },
    engineByDefault: devices.length > 0 && has(packageOf.gpu) ? 'tfjs' : 'onnx',
    missing,
  };
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
    ...engines.tfjs.map(({ name, version, folder }) => `engine tfjs: ${name} ${version} in ${folder}`),
    `train takes ${found.engineByDefault} where no --engine is given`,
    ...missing.map(({ what, command }) => `missing: ${what}; add it with ${command}`),
  ];
}
