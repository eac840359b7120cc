/** Reading PEFT directories in tests: golden ones as they are, and copies with one thing changed. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import { type TensorData, writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { readPeftDirectory } from '../../trainer/peft/read.ts';
import { type GoldenBase, golden, tensorsOf } from './golden-base.ts';

export const cases = [
  ...(['pooler-trained', 'pooler-frozen', 'one-layer', 'pattern'] as const),
  ...(['ia3', 'prompt', 'prefix'] as const),
];

export interface ReadOptions {
  base?: string;
  labels?: string;
  maxLength?: number;
  unanswerable?: boolean;
  quantization?: AdapterManifest['quantization'];
}

/** As float32 on base `golden`, unless said otherwise; `log` is what it told. */
export async function readPeft(opened: GoldenBase, directory: string, options: ReadOptions = {}) {
  const log: string[] = [];
  const defaults = { base: 'golden', quantization: 'float32', cacheDir: opened.folder } as const;
  const adapter = await readPeftDirectory(opened.store, directory, { ...defaults, ...options }, line =>
    log.push(line),
  );
  return { ...adapter, log };
}

export interface Change {
  /** Fields of adapter_config.json to set. */
  config?: object;
  /** What config.json becomes; null removes it. */
  model?: object | null;
  tensors?: (tensors: Map<string, TensorData>) => unknown;
}

/** Path of a copy of a golden directory, changed. */
export async function changedCopy(
  opened: GoldenBase,
  name: (typeof cases)[number],
  { config = {}, model, tensors = () => {} }: Change,
): Promise<string> {
  const directory = await mkdtemp(join(opened.folder, 'changed-'));
  await cp(golden(name), directory, { recursive: true });
  const path = (file: string) => join(directory, file);
  const standing = JSON.parse(await readFile(path('adapter_config.json'), 'utf8'));
  await writeFile(path('adapter_config.json'), JSON.stringify({ ...standing, ...config }));
  if (model === null) await rm(path('config.json'));
  else if (model) await writeFile(path('config.json'), JSON.stringify(model));
  const all = new Map<string, TensorData>(await tensorsOf(path('adapter_model.safetensors')));
  tensors(all);
  await writeFile(path('adapter_model.safetensors'), writeSafetensors(all));
  return directory;
}
