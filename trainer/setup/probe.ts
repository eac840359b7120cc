/** Tries a built package in a process of its own: one that is broken may take its process with it. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { packageFile } from '../../functions/package-file.ts';
import type { TensorFlowDevice } from '../engines/tensorflow.ts';
import type { TfjsPackage } from '../engines/tfjs-package.ts';
import { tellingLine } from './tool.ts';

const script = fileURLToPath(packageFile('dist/trainer/engines/tfjs-probe.js'));

export type Probed = TensorFlowDevice | { fault: string };

export async function probeTfjs({ folder, name }: TfjsPackage): Promise<Probed> {
  const env = { ...process.env, TF_CPP_MIN_LOG_LEVEL: '2' };
  try {
    const { stdout } = await promisify(execFile)(process.execPath, [script, folder, name], { env });
    return JSON.parse(stdout);
  } catch (error) {
    const { stderr = '', signal, message } = error as Error & { stderr?: string; signal?: string };
    return { fault: signal ? `it ends by ${signal}` : (tellingLine(stderr) ?? message) };
  }
}
