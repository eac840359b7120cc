/** Small, valid manifests and stores that fail on purpose, for the artifact tests. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import type { AdapterManifest, BaseManifest } from '../../functions/artifacts/manifests.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';

export const text = (value: string) => new TextEncoder().encode(value);

const scratches: string[] = [];
afterAll(() => {
  for (const folder of scratches) rmSync(folder, { recursive: true, force: true });
});

export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'veneer-artifacts-'));
  scratches.push(folder);
  return folder;
}

export function freshStore(): Store {
  return openDirectoryStore(join(scratch(), 'store'));
}

export function adapter(content: string, changes: Partial<AdapterManifest> = {}) {
  const tensors = text(content);
  const manifest: AdapterManifest = {
    formatVersion: 1,
    task: 'classification',
    problem: 'single-label',
    labels: ['no', 'yes'],
    unanswerable: false,
    base: { name: 'tiny', digest: sha256('base'), tokenizer: sha256('tokenizer') },
    maxLength: 128,
    stride: 32,
    lora: { rank: 4, alpha: 8, targetModules: ['q', 'v'] },
    head: { kind: 'pooled', pooling: 'mean', dense: false },
    quantization: 'int8',
    metrics: { trained: { accuracy: 0.91 }, served: { accuracy: 0.9 } },
    training: { config: { epochs: 1 }, seed: 1, engine: 'onnx', dataset: sha256('data') },
    files: { 'adapter.safetensors': { sha256: sha256(tensors), bytes: tensors.length } },
    ...changes,
  };
  return { manifest: canonicalJson(manifest), files: { 'adapter.safetensors': tensors } };
}

export function base(weights: string, changes: Partial<BaseManifest> = {}) {
  const contents = ['source', 'compiled', weights, 'graph'].map(text);
  const [source, compiled, weightsRef, graph] = contents.map(bytes => ({
    sha256: sha256(bytes),
    bytes: bytes.length,
  }));
  const manifest: BaseManifest = {
    formatVersion: 1,
    name: 'tiny',
    digest: sha256(`identity of ${weights}`),
    config: {
      family: 'bert',
      hiddenSize: 8,
      layers: 1,
      heads: 2,
      intermediateSize: 16,
      vocabularySize: 10,
      maxPositions: 16,
      positionOffset: 0,
      tokenTypes: 2,
      layerNormEpsilon: 1e-12,
      activation: 'gelu',
    },
    pooling: 'mean',
    precision: 'fp32',
    tokenizer: { source: source!, compiled: compiled! },
    fidelity: { cosineMean: 1, cosineMin: 1 },
    weights: weightsRef!,
    trainingWeights: weightsRef!,
    graphs: { 'pooled-mean.qv': graph! },
    licence: 'apache-2.0',
    source: { location: 'made by a test', sha256: sha256('nothing') },
    ...changes,
  };
  return { manifest, files: contents.map(bytes => ({ sha256: sha256(bytes), bytes })) };
}

/** The store, but its n-th write (from 1) and all after it fail, as where the process is killed there. */
export function dyingAt(store: Store, n: number): Store {
  let writes = 0;
  return {
    ...store,
    put: (...write) =>
      ++writes >= n ? Promise.reject(new Error(`killed at write ${n}`)) : store.put(...write),
  };
}

export async function allKeys(store: Store): Promise<string[]> {
  const keys: string[] = [];
  for await (const key of store.list('')) keys.push(key);
  return keys;
}
