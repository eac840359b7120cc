/** Adapters of random numbers, as tenants' would be stored, for benches. */
import { type ResidentAdapter, readAdapter, writeAdapter } from '../../functions/artifacts/adapter.ts';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import type { AdapterManifest, BaseManifest, TargetModule } from '../../functions/artifacts/manifests.ts';
import { headNames } from '../../functions/artifacts/modules.ts';
import { publishVersion, setAlias } from '../../functions/artifacts/versions.ts';
import type { Store } from '../../functions/store/store.ts';
import { methodIn, methodParameters } from '../methods/methods.ts';
import { uniform } from '../random.ts';

export interface BenchAdapter {
  seed: number;
  modules: TargetModule[];
  rank: number;
  /** In place of LoRA. */
  method?: BenchMethod | undefined;
}

export type BenchMethod = Pick<AdapterManifest, 'ia3' | 'prompt' | 'prefix'>;

const labels = ['a', 'b', 'c', 'd'];

function adapterFile({ config }: BaseManifest, spec: BenchAdapter): Uint8Array {
  const tensors = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  const add = (name: string, shape: readonly number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const index = tensors.size;
    const center = name.endsWith('.ia3_l') ? 1 : 0;
    const data = Float32Array.from(
      { length: size },
      (_, i) => center + (uniform({ seed: spec.seed, stream: 7 }, index, i) - 0.5) / 10,
    );
    tensors.set(name, { shape, data });
  };
  for (const { name, shape } of methodParameters(config, methodIn(settingsOf(spec)))) add(name, shape);
  const names = headNames(config.family, 'classification');
  add(names.weight, [labels.length, config.hiddenSize]);
  add(names.bias, [labels.length]);
  return writeAdapter(tensors, 'int8');
}

function settingsOf({ modules, rank, method }: BenchAdapter): BenchMethod & Pick<AdapterManifest, 'lora'> {
  return method ?? { lora: { rank, alpha: 2 * rank, targetModules: modules } };
}

function manifestOf(base: BaseManifest, spec: BenchAdapter, file: Uint8Array): AdapterManifest {
  return {
    formatVersion: 1,
    task: 'classification',
    problem: 'single-label',
    labels,
    base: { name: base.name, digest: base.digest, tokenizer: base.tokenizer.source.sha256 },
    maxLength: 128,
    stride: 32,
    ...settingsOf(spec),
    head: { kind: 'pooled', pooling: 'mean', dense: false },
    unanswerable: false,
    quantization: 'int8',
    metrics: { trained: {}, served: {} },
    training: { config: {}, seed: spec.seed, engine: 'none', dataset: '0'.repeat(64) },
    files: { 'adapter.safetensors': { sha256: sha256(file), bytes: file.length } },
  };
}

/** Reads an adapter again and again, as a server that loads it for one tenant after another. */
export function benchAdapterLoader(base: BaseManifest, spec: BenchAdapter): () => ResidentAdapter {
  const file = adapterFile(base, spec);
  const manifest = manifestOf(base, spec, file);
  return () => readAdapter(file, { manifest, digest: String(spec.seed), config: base.config });
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
