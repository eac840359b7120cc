/**
 * The side of one session per tenant in `bench tenants`: opens all sessions, then runs the rows of a mixed batch, each by
 * its own tenant's session. Argument: SessionsBench as JSON.
 */
import { readBase } from '../../functions/artifacts/bases.ts';
import { assemble } from '../../functions/engine/batch.ts';
import { openSessions } from '../../functions/engine/session.ts';
import { openStore } from '../../functions/store/open.ts';
import { benchAdapter } from './adapter.ts';
import { answerGo } from './measured.ts';
import { benchRows } from './rows.ts';

export interface SessionsBench {
  store: string;
  base: string;
  /** Graphs without adapters, a tenant each. */
  graphs: string[];
  /** Tokens of each row; one row a tenant. */
  length: number;
  narrow: boolean;
}

/** What every answer says besides its times. */
export interface SessionsCost {
  openMs: number[];
  /** Resident memory, before the first session and after the last one's first run. */
  rssMb: [before: number, after: number];
}

const bench: SessionsBench = JSON.parse(process.argv[2]!);
const { config, ...base } = await readBase(await openStore(bench.store), bench.base);
// The merged weights stand in for its modules; its head is the one of every row.
const adapter = benchAdapter({ config, ...base }, { seed: 0, modules: [], rank: 8 });
const rows = benchRows({ lengths: bench.graphs.map(() => bench.length), adapters: [adapter], config });
const variant = { head: 'pooled', modules: [], form: 'int8', narrow: bench.narrow } as const;
const rssMb = () => process.memoryUsage().rss / 2 ** 20;

const sessions = openSessions({ threads: 1 });
const run = async (graph: string, row: number) =>
  (await sessions.at(graph)).run(assemble([rows[row]!], variant, { config }));
const before = rssMb();
const openMs: number[] = [];
for (const [row, graph] of bench.graphs.entries()) {
  const started = performance.now();
  await sessions.at(graph);
  openMs.push(performance.now() - started);
  await run(graph, row);
}
const cost: SessionsCost = { openMs, rssMb: [before, rssMb()] };
await answerGo(
  async () => {
    for (const [row, graph] of bench.graphs.entries()) await run(graph, row);
  },
  () => cost,
);
