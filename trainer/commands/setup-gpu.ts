/** `setup-gpu`: builds what the tfjs engine runs on, in a folder of its own, and checks that it computes. */
import type { Command } from 'commander';
import { VeneerError } from '../../functions/error.ts';
import { readCudaDevices } from '../cuda.ts';
import { driverFault } from '../engine-choice.ts';
import { onnxEngine } from '../engines/onnx.ts';
import { packageOf, setupFolder } from '../engines/tfjs-package.ts';
import { tfjsProcessEngine } from '../engines/tfjs-process.ts';
import { buildTfjs, builtVersion, versions } from '../setup/build-tfjs.ts';
import { selfCheck } from '../setup/self-check.ts';
import { thisTool } from '../setup/tool.ts';
import { cacheDir, outputOf } from './command.ts';

/** TF32 keeps ten bits of a product's operands. */
const tolerances = { gpu: 2e-2, cpu: 1e-4 };

export function setupGpuCommand(program: Command): void {
  program
    .command('setup-gpu')
    .description(
      'build TensorFlow.js on CUDA for the tfjs engine, from the npm and Python registries, into the cache folder',
    )
    .option('--cpu', 'for the CPU: 1 GB on disk instead of 5', false)
    .option('--force', 'build again what is there', false)
    .option('--json', 'print one JSON line at the end, messages on stderr', false)
    .action(async (flags: { cpu: boolean; force: boolean; json: boolean }) => {
      const output = outputOf(flags);
      const variant = flags.cpu ? 'cpu' : 'gpu';
      const folder = setupFolder(cacheDir, variant);
      const started = performance.now();
      const [gpu] = flags.cpu ? [] : await readCudaDevices();
      const fault = gpu && driverFault(gpu);
      if (fault) throw new VeneerError('unavailable', `setup-gpu: ${fault}`);
      const isThere = (await builtVersion(folder, variant)) === versions.tfjs;
      if (isThere && !flags.force) output.log(`${folder}: built already (--force builds it again)`);
      else await buildTfjs({ variant, folder, tool: thisTool, log: output.log });
      const engine = tfjsProcessEngine({
        package: { name: packageOf[variant], folder },
        ...{ precision: 'fp32', threads: 1, freeBytes: gpu?.freeBytes },
      });
      const checked = await selfCheck(engine, {
        against: onnxEngine({ threads: 1 }),
        tolerance: tolerances[gpu ? 'gpu' : 'cpu'],
      });
      const device = gpu ? `${gpu.name}, driver ${gpu.driver}` : 'the CPU';
      const seconds = (performance.now() - started) / 1000;
      const said = !flags.cpu && !gpu ? ' (no CUDA device was found here)' : '';
      output.result(
        { folder, package: packageOf[variant], tensorflow: versions.tensorflow, device, ...checked, seconds },
        `self-check on ${device}${said}: product off by ${checked.product.toExponential(1)}, gradient by ${checked.gradient.toExponential(1)}, loss ${checked.losses[0]!.toFixed(4)} to ${checked.losses.at(-1)!.toFixed(4)} in ${checked.losses.length} steps`,
        `${folder}: ${packageOf[variant]} ${versions.tfjs} on TensorFlow ${versions.tensorflow}, in ${seconds.toFixed(0)} s`,
      );
    });
}
