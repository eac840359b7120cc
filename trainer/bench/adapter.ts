/** Adapters of random numbers, as tenants' would be stored, for benches. */
import { type ResidentAdapter, readAdapter, writeAdapter } from '../../functions/artifacts/adapter.ts';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import type { AdapterManifest, BaseManifest, TargetModule } from '../../functions/artifacts/manifests.ts';
import { headNames, loraNames, moduleWidths } from '../../functions/artifacts/modules.ts';
import { publishVersion, setAlias } from '../../functions/artifacts/versions.ts';
import type { Store } from '../../functions/store/store.ts';
import { uniform } from '../random.ts';

export interface BenchAdapter {
  seed: number;
  modules: TargetModule[];
  rank: number;
}

const labels = ['a', 'b', 'c', 'd'];

function adapterFile({ config }: BaseManifest, { seed, modules, rank }: BenchAdapter): Uint8Array {
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  const add = (name: string, shape: number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const index = tensors.size;
    const data = Float32Array.from(
      { length: size },
      (_, i) => (uniform({ seed, stream: 7 }, index, i) - 0.5) / 10,
    );
    tensors.set(name, { shape, data });
  };
  for (let layer = 0; layer < config.layers; layer++)
    for (const module of modules) {
      const names = loraNames(config.family, layer, module);
      const widths = moduleWidths(config, module);
      add(names.a, [rank, widths.in]);
      add(names.b, [widths.out, rank]);
    }
  const names = headNames(config.family, 'classification');
  add(names.weight, [labels.length, config.hiddenSize]);
  add(names.bias, [labels.length]);
  return writeAdapter(tensors, 'int8');
}

function manifestOf(
  base: BaseManifest,
  { seed, modules, rank }: BenchAdapter,
  file: Uint8Array,
): AdapterManifest {
  return {
    formatVersion: 1,
    task: 'classification',
    problem: 'single-label',
    labels,
    base: { name: base.name, digest: base.digest, tokenizer: base.tokenizer.source.sha256 },
    maxLength: 128,
    stride: 32,
    lora: { rank, alpha: 2 * rank, targetModules: modules.length > 0 ? modules : ['q'] },
    head: { kind: 'pooled', pooling: 'mean', dense: false },
    unanswerable: false,
    quantization: 'int8',
    metrics: { trained: {}, served: {} },
    training: { config: {}, seed, engine: 'none', dataset: '0'.repeat(64) },
    files: { 'adapter.safetensors': { sha256: sha256(file), bytes: file.length } },
  };
}

/** Reads an adapter again and again, as a server that loads it for one tenant after another. */
export function benchAdapterLoader(base: BaseManifest, spec: BenchAdapter): () => ResidentAdapter {
  const file = adapterFile(base, spec);
  const manifest = manifestOf(base, spec, file);
  // Without modules it adapts nothing but the head, which no stored manifest may say.
  const bare = { ...manifest, lora: { ...manifest.lora!, targetModules: spec.modules } };
  return () => readAdapter(file, { manifest: bare, digest: String(spec.seed), config: base.config });
}

/** In memory. */
export function benchAdapter(base: BaseManifest, spec: BenchAdapter): ResidentAdapter {
  return benchAdapterLoader(base, spec)();
}

/** In the store, under tenant `bench`. */
export async function publishBenchAdapter(
  store: Store,
  base: BaseManifest,
  spec: BenchAdapter = { seed: 1, modules: ['q', 'v'], rank: 8 },
): Promise<{ tenant: string; name: string }> {
  const file = adapterFile(base, spec);
  const manifest = canonicalJson(manifestOf(base, spec, file));
  const [tenant, name] = ['bench', `random-${spec.seed}`];
  const { digest } = await publishVersion(store, {
    tenant,
    name,
    manifest,
    files: { 'adapter.safetensors': file },
  });
  await setAlias(store, { tenant, name, alias: 'live', digest });
  return { tenant, name };
}
