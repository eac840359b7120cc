/** The CUDA devices of this machine, as NVIDIA's own tool tells them. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

export interface CudaDevice {
  name: string;
  driver: string;
  /** `9.0` for Hopper. */
  computeCapability: string;
  memoryBytes: number;
  freeBytes: number;
}

/** Runs a program and gives its standard output. */
export type RunTool = (command: string, args: readonly string[]) => Promise<string>;

const runTool: RunTool = async (command, args) =>
  (await promisify(execFile)(command, args, { timeout: 20_000 })).stdout;

const fields = 'name,driver_version,compute_cap,memory.total,memory.free';

/** Empty where there is none, or no driver. */
export async function readCudaDevices(run: RunTool = runTool): Promise<CudaDevice[]> {
  const told = await run('nvidia-smi', [`--query-gpu=${fields}`, '--format=csv,noheader,nounits']).catch(
    () => '',
  );
  return told
    .split('\n')
    .map(line => line.split(',').map(cell => cell.trim()))
    .filter(cells => cells.length === 5)
    .map(([name, driver, computeCapability, total, free]) => ({
      name: name!,
      driver: driver!,
      computeCapability: computeCapability!,
      memoryBytes: Number(total) * 2 ** 20,
      freeBytes: Number(free) * 2 ** 20,
    }));
}
