/** Our side of `bench serve`: one batch through the engine, again and again. Argument: ServeBench as JSON. */
import { createInterface } from 'node:readline';
import { readAdapter, writeAdapter } from '../../functions/artifacts/adapter.ts';
import { baseFile, readBase } from '../../functions/artifacts/bases.ts';
import type { AdapterManifest, BaseManifest, TargetModule } from '../../functions/artifacts/manifests.ts';
import { headNames, loraNames, moduleWidths } from '../../functions/artifacts/modules.ts';
import type { Row } from '../../functions/engine/engine.ts';
import { openEngine } from '../../functions/engine/open.ts';
import { openStore } from '../../functions/store/open.ts';
import { cacheDir } from '../commands/command.ts';
import { uniform } from '../random.ts';

export interface ServeBench {
  store: string;
  base: string;
  config: BaseManifest['config'];
  modules: TargetModule[];
  rank: number;
  adapters: number;
  batch: number;
  length: number;
}

const bench: ServeBench = JSON.parse(process.argv[2]!);
const store = await openStore(bench.store);
const base = await readBase(store, bench.base);
const { config } = base;

/** An adapter of random numbers, as a tenant's would be stored. */
function adapterOf(seed: number) {
  const random = (name: number, size: number) =>
    Float32Array.from({ length: size }, (_, i) => (uniform({ seed, stream: 7 }, name, i) - 0.5) / 10);
  const tensors = new Map<string, { shape: number[]; data: Float32Array }>();
  const add = (name: string, shape: number[]) =>
    tensors.set(name, {
      shape,
      data: random(
        tensors.size,
        shape.reduce((a, b) => a * b, 1),
      ),
    });
  for (let layer = 0; layer < config.layers; layer++)
    for (const module of bench.modules) {
      const names = loraNames(config.family, layer, module);
      const widths = moduleWidths(config, module);
      add(names.a, [bench.rank, widths.in]);
      add(names.b, [widths.out, bench.rank]);
    }
  const names = headNames(config.family, 'classification');
  const labels = ['a', 'b', 'c', 'd'];
  add(names.weight, [labels.length, config.hiddenSize]);
  add(names.bias, [labels.length]);
  const manifest = {
    task: 'classification',
    labels,
    lora: { rank: bench.rank, alpha: 16, targetModules: bench.modules },
    head: { kind: 'pooled', pooling: 'mean', dense: false },
    quantization: 'int8',
  } as unknown as AdapterManifest;
  return readAdapter(writeAdapter(tensors, 'int8'), { manifest, digest: String(seed), config });
}

const adapters = Array.from({ length: bench.adapters }, (_, i) => adapterOf(i));
const engine = openEngine({
  base,
  workers: 0,
  graphPath: variant => baseFile(store, base.name, base.graphs[variant]!, cacheDir),
});
const rows = Array.from({ length: bench.batch }, (_, row): Row => {
  const ids = Int32Array.from({ length: bench.length }, (_, i) => 1000 + (((row * 131 + i) * 7919) % 20_000));
  const window = {
    ids,
    typeIds: new Int32Array(bench.length),
    position: 1,
    first: 0,
    count: bench.length - 2,
  };
  return { window, adapter: adapters[row % adapters.length]! };
});

process.stdout.write('ready\n');
for await (const line of createInterface({ input: process.stdin })) {
  const ms: number[] = [];
  for (let i = 0; i < Number(line.split(' ')[1]); i++) {
    const started = performance.now();
    await engine.run(rows);
    ms.push(performance.now() - started);
  }
  process.stdout.write(`${JSON.stringify({ ms, peakRssMb: process.resourceUsage().maxRSS / 1024 })}\n`);
}
