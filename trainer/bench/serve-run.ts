/** Our side of `bench serve`: one batch through the engine, again and again. Argument: ServeBench as JSON. */
import { baseFile, readBase } from '../../functions/artifacts/bases.ts';
import type { BaseManifest, TargetModule } from '../../functions/artifacts/manifests.ts';
import { openEngine, unpackedRuns } from '../../functions/engine/open.ts';
import { openStore } from '../../functions/store/open.ts';
import { cacheDir } from '../commands/command.ts';
import { type BenchMethod, benchAdapter } from './adapter.ts';
import { answerGo } from './measured.ts';
import { benchRows } from './rows.ts';

export interface ServeBench {
  store: string;
  base: string;
  config: BaseManifest['config'];
  modules: TargetModule[];
  rank: number;
  adapters: number;
  /** Of the adapters in turn, null for LoRA; left out: LoRA. */
  methods?: (BenchMethod | null)[];
  /** Tokens of each row; the peers read `batch` and `length` of equal rows instead. */
  lengths: number[];
}

const bench: ServeBench = JSON.parse(process.argv[2]!);
const store = await openStore(bench.store);
const base = await readBase(store, bench.base);

const adapters = Array.from({ length: bench.adapters }, (_, seed) =>
  benchAdapter(base, {
    ...{ seed, modules: bench.modules, rank: bench.rank },
    method: bench.methods?.[seed % bench.methods.length] ?? undefined,
  }),
);
const engine = openEngine({
  base,
  workers: 0,
  graphPath: variant => baseFile(store, base.name, base.graphs[variant]!, cacheDir),
});
const rowsOf = (lengths: number[]) => benchRows({ lengths, adapters, config: base.config });
const rows = rowsOf(bench.lengths);
// Short rows of the same adapters, so of the same graph: what is measured is a process past its start.
for (let run = 0; run <= unpackedRuns; run++) await engine.run(rowsOf(bench.lengths.map(() => 3)));

await answerGo(() => engine.run(rows));
