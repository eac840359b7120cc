/**
 * Where TensorFlow.js with TensorFlow's library is: in the folder that `setup-gpu` fills, else installed beside this package
 * by hand. It is in neither by default.
 */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { packageFile } from '../../functions/package-file.ts';
import { type NativePackage, nativePackages } from './tensorflow.ts';

export interface TfjsPackage {
  name: NativePackage;
  /** Whose node_modules hold it. */
  folder: string;
}

export type TfjsVariant = 'gpu' | 'cpu';
export const packageOf = {
  gpu: '@tensorflow/tfjs-node-gpu',
  cpu: '@tensorflow/tfjs-node',
} as const satisfies Record<TfjsVariant, NativePackage>;

export const bindingFile = 'lib/napi-v8/tfjs_binding.node';

/** The folder that `setup-gpu` fills. */
export function setupFolder(cacheDir: string, variant: TfjsVariant): string {
  return join(cacheDir, 'tfjs', variant);
}

/** Packages whose binding is built, the one for GPUs first. */
export function findTfjsPackages(cacheDir: string): TfjsPackage[] {
  const own = fileURLToPath(packageFile(''));
  const candidates = nativePackages.flatMap(name => {
    const variant = name === packageOf.gpu ? 'gpu' : 'cpu';
    return [setupFolder(cacheDir, variant), own].map(folder => ({ name, folder }));
  });
  return candidates.filter(isBuilt);
}

function isBuilt({ name, folder }: TfjsPackage): boolean {
  try {
    const { resolve } = createRequire(join(folder, 'package.json'));
    return existsSync(join(dirname(resolve(`${name}/package.json`)), bindingFile));
  } catch {
    return false;
  }
}
