/**
 * `npm run bench -- tenants`: memory of resident adapters against one session per tenant, and memory and latency over many
 * requests to more adapters than the cache holds. VENEER_BENCH_REQUESTS says how many (default 200,000).
 */
import { writeFile } from 'node:fs/promises';
import { openAdapters } from '../../functions/adapters.ts';
import type { ResidentAdapter } from '../../functions/artifacts/adapter.ts';
import { baseFile } from '../../functions/artifacts/bases.ts';
import { openEngine } from '../../functions/engine/open.ts';
import type { Store } from '../../functions/store/store.ts';
import { cacheDir } from '../commands/command.ts';
import { uniform } from '../random.ts';
import { benchAdapterLoader, publishBenchAdapter } from './adapter.ts';
import { openBenchBase } from './base.ts';
import { compareSessions } from './sessions.ts';

const residents = 10_000;
const tenants = 5_000;
/** Holds about a fifth of the tenants. */
const budgetBytes = 80 << 20;
const spec = { seed: 1, modules: ['q', 'v'] as ['q', 'v'], rank: 8 };
const tokens = 16;

const rssMb = () => process.memoryUsage().rss / 2 ** 20;

/** The bench adapter under every tenant's name, without the disk. */
function everyTenant(store: Store): Store {
  const cached = new Map<string, Promise<Awaited<ReturnType<Store['get']>>>>();
  return {
    ...store,
    getIfChanged: (key, etag) => store.getIfChanged(key.replace(/^tenants\/[^/]+\//, 'tenants/bench/'), etag),
    get(key) {
      const own = key.replace(/^tenants\/[^/]+\//, 'tenants/bench/');
      let found = cached.get(own);
      if (!found) {
        found = store.get(own);
        cached.set(own, found);
      }
      return found;
    },
  };
}

const quantile = (values: readonly number[], q: number) =>
  [...values].sort((a, b) => a - b)[Math.min(values.length - 1, Math.floor(q * values.length))]!;

export async function benchTenants(): Promise<void> {
  const requests = Number(process.env.VENEER_BENCH_REQUESTS || 200_000);
  const { store, manifest } = await openBenchBase();
  const { name } = await publishBenchAdapter(store, manifest, spec);

  const load = benchAdapterLoader(manifest, spec);
  for (let i = 0; i < 200; i++) load();
  globalThis.gc?.();
  const before = rssMb();
  let held: ResidentAdapter[] = [];
  for (let i = 0; i < residents; i++) held.push(load());
  globalThis.gc?.();
  const [total, each] = [rssMb(), ((rssMb() - before) * 2 ** 20) / residents / 1000];
  console.log(`${held.length} resident adapters: ${each.toFixed(1)} kB each, process ${total.toFixed(0)} MB`);
  held = [];
  const sessions = await compareSessions(store, manifest);
  console.log(
    `one session per tenant, of ${sessions.tenants}: ${sessions.memoryMb.toFixed(1)} MB and ${sessions.openMs.toFixed(0)} ms to open each; a batch of one row of 64 tokens each ${sessions.batchMs.toFixed(1)} ms, ours ${sessions.oursMs.toFixed(1)} ms`,
  );

  const engine = openEngine({
    base: manifest,
    workers: 0,
    graphPath: variant => baseFile(store, manifest.name, manifest.graphs[variant]!, cacheDir),
  });
  const adapters = openAdapters({
    store: everyTenant(store),
    base: async () => manifest,
    budgetBytes,
    aliasTtlMs: 5_000,
    now: Date.now,
  });
  const ids = Int32Array.from({ length: tokens }, (_, i) => 1000 + i);
  const window = { ids, typeIds: new Int32Array(tokens), position: 1, first: 0, count: tokens - 2 };
  const marks: { requests: number; rssMb: number; p50: number; p99: number }[] = [];
  let latencies: number[] = [];
  const every = Math.max(1, Math.floor(requests / 10));
  for (let i = 1; i <= requests; i++) {
    const tenant = `t${Math.floor(uniform({ seed: 1, stream: 3 }, i) * tenants)}`;
    const started = performance.now();
    await engine.run([{ window, adapter: await adapters.get(tenant, name) }], { tenant });
    latencies.push(performance.now() - started);
    if (i % every !== 0) continue;
    globalThis.gc?.();
    marks.push({
      requests: i,
      rssMb: Math.round(rssMb()),
      p50: quantile(latencies, 0.5),
      p99: quantile(latencies, 0.99),
    });
    latencies = [];
  }
  await engine.close();
  console.table(marks.map(mark => ({ ...mark, p50: mark.p50.toFixed(2), p99: mark.p99.toFixed(2) })));
  await writeFile(
    'bench-tenants.json',
    `${JSON.stringify({ kBEach: each, processMb: total, sessions, marks }, null, 2)}\n`,
  );
}
