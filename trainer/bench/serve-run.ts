/** Our side of `bench serve`: one batch through the engine, again and again. Argument: ServeBench as JSON. */
import { createInterface } from 'node:readline';
import { baseFile, readBase } from '../../functions/artifacts/bases.ts';
import type { BaseManifest, TargetModule } from '../../functions/artifacts/manifests.ts';
import type { Row } from '../../functions/engine/engine.ts';
import { openEngine } from '../../functions/engine/open.ts';
import { openStore } from '../../functions/store/open.ts';
import { cacheDir } from '../commands/command.ts';
import { benchAdapter } from './adapter.ts';

export interface ServeBench {
  store: string;
  base: string;
  config: BaseManifest['config'];
  modules: TargetModule[];
  rank: number;
  adapters: number;
  /** Tokens of each row; the peers read `batch` and `length` of equal rows instead. */
  lengths: number[];
}

const bench: ServeBench = JSON.parse(process.argv[2]!);
const store = await openStore(bench.store);
const base = await readBase(store, bench.base);

const adapters = Array.from({ length: bench.adapters }, (_, seed) =>
  benchAdapter(base, { seed, modules: bench.modules, rank: bench.rank }),
);
const engine = openEngine({
  base,
  workers: 0,
  graphPath: variant => baseFile(store, base.name, base.graphs[variant]!, cacheDir),
});
const rows = bench.lengths.map((length, row): Row => {
  const ids = Int32Array.from({ length }, (_, i) => 1000 + (((row * 131 + i) * 7919) % 20_000));
  const window = { ids, typeIds: new Int32Array(length), position: 1, first: 0, count: length - 2 };
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
