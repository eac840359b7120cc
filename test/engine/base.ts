/** Bases for the tests of the engine, each in a store of its own, and engines over them that count their batches. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { baseFile, readBase } from '../../functions/artifacts/bases.ts';
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import { writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { type BatchingOptions, batchingEngine } from '../../functions/engine/batching.ts';
import type { Engine } from '../../functions/engine/engine.ts';
import { inlineRunner } from '../../functions/engine/inline-runner.ts';
import type { GraphPaths } from '../../functions/engine/runner.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';
import type { PrecisionName } from '../../trainer/base/precision.ts';
import { pullBase } from '../../trainer/commands/pull-base.ts';
import { bert } from '../../trainer/models/bert.ts';
import { uniform } from '../../trainer/random.ts';
import { writeTinyBase } from '../tiny-base.ts';

export interface TestBase {
  store: Store;
  manifest: BaseManifest;
  graphPath: GraphPaths;
  /** The float32 weights that training reads. */
  trainingWeights(): Promise<string>;
  remove(): Promise<void>;
}

/**
 * Wide enough that float32 products add up their terms in several blocks, whose sizes hang on the shapes: in the tiny base
 * one block holds all, and nothing a neighbour does could change a sum.
 */
const wide = {
  model_type: 'bert',
  hidden_size: 288,
  num_hidden_layers: 1,
  num_attention_heads: 4,
  intermediate_size: 320,
  vocab_size: 256,
  max_position_embeddings: 64,
  type_vocab_size: 2,
  layer_norm_eps: 1e-12,
  hidden_act: 'gelu',
};

function wideWeights(): Uint8Array {
  const tensors = bert.tensors(bert.readConfig(wide));
  return writeSafetensors(
    [...tensors].map(([name, shape], index) => {
      const center = name.endsWith('LayerNorm.weight') ? 1 : 0;
      const draw = (_: unknown, i: number) => center + (uniform({ seed: 3, stream: 9 }, index, i) - 0.5) / 4;
      const data = Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, draw);
      return [name, { dtype: 'F32' as const, shape: [...shape], data: new Uint8Array(data.buffer) }];
    }),
  );
}

export async function testBase(size: 'tiny' | 'wide', precision: PrecisionName): Promise<TestBase> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-engine-'));
  const source = await writeTinyBase(join(folder, 'source'));
  if (size === 'wide') {
    await writeFile(join(source, 'config.json'), JSON.stringify(wide));
    await writeFile(join(source, 'model.safetensors'), wideWeights());
  }
  const store = openDirectoryStore(join(folder, 'store'));
  await pullBase(store, { wanted: source, name: size, precision, force: false, probe: false }, () => {});
  const manifest = await readBase(store, size);
  return {
    store,
    manifest,
    graphPath: variant => baseFile(store, size, manifest.graphs[variant]!, folder),
    trainingWeights: () => baseFile(store, size, manifest.trainingWeights, folder),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** An engine in the calling thread; `batches` and `graphs` fill with the number of rows and the graph of each run. */
export function countingEngine(
  { manifest, graphPath }: TestBase,
  limits: BatchingOptions['limits'] = { maxTokens: 4096, maxRows: 64 },
): Engine & { batches: number[]; graphs: string[] } {
  const batches: number[] = [];
  const graphs: string[] = [];
  const engine = batchingEngine({
    base: manifest,
    runners: 1,
    depth: 1,
    limits,
    maxWaitingRows: 4096,
    startRunner() {
      const runner = inlineRunner(graphPath, { threads: 1 });
      return {
        ...runner,
        run(graph, feeds) {
          batches.push(feeds.input_ids!.shape[0]!);
          graphs.push(graph);
          return runner.run(graph, feeds);
        },
      };
    },
  });
  return { ...engine, batches, graphs };
}
