/**
 * The hidden states of a base that is not in a store yet, by the serving graphs and the engine that will serve it: an
 * adapter that adapts nothing, whose head has a label for every hidden unit, gives them as its logits.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ResidentAdapter } from '../../functions/artifacts/adapter.ts';
import { loraLayout } from '../../functions/artifacts/lora-layout.ts';
import type { AdapterManifest, BaseManifest } from '../../functions/artifacts/manifests.ts';
import { openEngine } from '../../functions/engine/open.ts';
import type { Window } from '../../functions/tasks/windows.ts';

export interface FrozenBase {
  /** As it will be stored; its graphs and weights file are named by digest. */
  manifest: BaseManifest;
  /** By variant. */
  graphs: ReadonlyMap<string, Uint8Array>;
  weights: Uint8Array;
}

export interface FrozenEncoder {
  /** One vector [hidden] a window, pooled as the base is. */
  pooled(windows: readonly Window[]): Promise<Float32Array[]>;
  /** [tokens * hidden] of each window. */
  tokens(windows: readonly Window[]): Promise<Float32Array[]>;
  close(): Promise<void>;
}

export async function openFrozenEncoder({ manifest, graphs, weights }: FrozenBase): Promise<FrozenEncoder> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-probe-'));
  await writeFile(join(folder, manifest.weights.sha256), weights);
  const paths = new Map<string, Promise<string>>();
  const write = async (variant: string) => {
    const path = join(folder, `${variant}.onnx`);
    await writeFile(path, graphs.get(variant)!);
    return path;
  };
  const engine = openEngine({
    base: manifest,
    workers: Math.min(4, availableParallelism()),
    graphPath(variant) {
      const path = paths.get(variant) ?? write(variant);
      paths.set(variant, path);
      return path;
    },
  });
  const run = (head: AdapterManifest['head']) => {
    const adapter = identityAdapter(manifest, head);
    // In one call: what shares a batch must not depend on which worker is free first, to be the same every time.
    return (windows: readonly Window[]) => engine.run(windows.map(window => ({ window, adapter })));
  };
  return {
    pooled: run({ kind: 'pooled', pooling: manifest.pooling, dense: false }),
    tokens: run({ kind: 'token' }),
    async close() {
      await engine.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function identityAdapter(base: BaseManifest, head: AdapterManifest['head']): ResidentAdapter {
  const width = base.config.hiddenSize;
  const identity = new Int8Array(width * width);
  for (let i = 0; i < width; i++) identity[i * width + i] = 1;
  const ones = new Float32Array(width).fill(1);
  return {
    digest: 'identity',
    manifest: {
      formatVersion: 1,
      task: head.kind === 'token' ? 'sequence-labeling' : 'classification',
      problem: 'single-label',
      labels: Array.from({ length: width }, (_, unit) => `${unit}`),
      base: { name: base.name, digest: base.digest, tokenizer: base.tokenizer.source.sha256 },
      maxLength: base.config.maxPositions,
      stride: 0,
      lora: { rank: 1, alpha: 1, targetModules: [] },
      head,
      unanswerable: false,
      quantization: 'int8',
      metrics: { trained: {}, served: {} },
      training: { config: {}, seed: 0, engine: 'none', dataset: '' },
      files: { 'adapter.safetensors': { sha256: '', bytes: 0 } },
    },
    lora: {
      layout: loraLayout(base.config, { rank: 1, alpha: 1, targetModules: [] }),
      data: new Int8Array(),
      scales: new Float32Array(),
    },
    head: {
      weight: { rows: width, columns: width, data: identity, scales: ones },
      bias: new Float32Array(width),
    },
    bytes: identity.byteLength,
  };
}
