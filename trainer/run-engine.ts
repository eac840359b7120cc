/** A serving engine for a directory of a run whose method is not served: its parameters over the base's float32 weights. */
import { checkBase } from '../functions/adapters.ts';
import { baseFile } from '../functions/artifacts/bases.ts';
import type { BaseManifest } from '../functions/artifacts/manifests.ts';
import type { Engine as ServingEngine } from '../functions/engine/engine.ts';
import type { Store } from '../functions/store/store.ts';
import type { Engine } from './engines/engine.ts';
import { forwardEngine } from './forward-engine.ts';
import type { RunDirectory } from './run-directory.ts';
import { startValues } from './start.ts';
import { buildStep } from './step.ts';
import { readWeightsFile } from './weights.ts';

export interface RunEngineOptions {
  store: Store;
  base: BaseManifest;
  /** Name of the directory, for messages. */
  directory: string;
  engine: Engine;
  cacheDir: string;
}

export async function openRunEngine(
  { manifest, digest, tensors }: RunDirectory,
  { store, base, directory, engine, cacheDir }: RunEngineOptions,
): Promise<ServingEngine> {
  checkBase(manifest.base, base, directory);
  const { method, task, labels, cloze } = manifest;
  const head = { task, head: manifest.head, labels: labels.length, cloze };
  const weights = await readWeightsFile(await baseFile(store, base.name, base.trainingWeights, cacheDir));
  const { layout, logits } = buildStep({ config: base.config, method, head });
  const from = { name: directory, method, manifest, digest, tensors };
  const values = await startValues({ layout, seed: manifest.training.seed, weights, from });
  const program = await engine.compile({ outputs: { logits }, weights });
  return { ...forwardEngine({ program, base, head, layout, values }), close: () => program.close() };
}
