/**
 * `npm run bench -- http`: the server's capacity against its bare engine with the same workers, then latency at 70 % of it
 * in an open loop (requests leave on time, whatever the answers do), beside that of the same texts where hardly any waits,
 * once for texts of several lengths and once for one. Server and load share the machine.
 */
import { writeFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { setFlagsFromString } from 'node:v8';
import { openAdapters } from '../../functions/adapters.ts';
import { createKey } from '../../functions/artifacts/keys.ts';
import { openBase } from '../../functions/base.ts';
import { predict } from '../../functions/predict.ts';
import { classification, classificationOptions } from '../../functions/tasks/classification.ts';
import { cacheDir } from '../commands/command.ts';
import { publishBenchAdapter } from './adapter.ts';
import { openBenchBase } from './base.ts';
import { openLoad, requestBytes } from './http-load.ts';
import { startServerProcess } from './server-process.ts';

const seconds = 8;
const concurrency = 32;
/** A sentence, a request, a letter: 13, 28 and 121 tokens, as support mail mixes them. */
const texts = [
  'Where is my parcel? It was due on Monday.',
  'The grinder is loud and the lid does not close, so I would like to send it back and get my money.',
  `Hello, I have been a subscriber for three years and never had a problem until this month. The box that came on Tuesday
   was open on one side, two of the four bags were torn, and the grinder that I had added to the order was not in it at
   all. The packing slip lists it, so it must have been lost on the way or left out at the warehouse. I have photographs
   of the box and of the bags. Could you please send the missing grinder, replace the two bags, and tell me whether I
   should keep the damaged ones for the carrier? I would be glad to hear from you before the end of the week.`,
];
const workers = availableParallelism();

/** Answers a second with so many callers that wait for theirs. */
async function closedLoop(once: (i: number) => Promise<unknown>): Promise<number> {
  const end = performance.now() + seconds * 1000;
  let done = 0;
  const caller = async (first: number) => {
    for (let i = first; performance.now() < end; i += concurrency) {
      await once(i);
      done++;
    }
  };
  await Promise.all(Array.from({ length: concurrency }, (_, i) => caller(i)));
  return done / seconds;
}

/** Latencies in ms of requests that leave at a fixed rate. */
async function openLoop(once: (i: number) => Promise<unknown>, perSecond: number): Promise<number[]> {
  const latencies: number[] = [];
  const pending: Promise<void>[] = [];
  const started = performance.now();
  for (let i = 0; i < perSecond * seconds; i++) {
    const due = started + (1000 * i) / perSecond;
    while (performance.now() < due)
      await new Promise(resolve => setTimeout(resolve, due - performance.now()));
    pending.push(once(i).then(() => void latencies.push(performance.now() - due)));
  }
  await Promise.all(pending);
  return latencies.sort((a, b) => a - b);
}

function latency(sorted: readonly number[]): string {
  const [p50, p99] = [0.5, 0.99].map(q => sorted[Math.floor(q * sorted.length)]!) as [number, number];
  return `p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms, ratio ${(p99 / p50).toFixed(2)}`;
}

export async function benchHttp(): Promise<void> {
  const { store, manifest } = await openBenchBase();
  const { tenant, name } = await publishBenchAdapter(store, manifest);

  const base = await openBase({ store, name: manifest.name, cacheDir, workers });
  const adapters = openAdapters({
    store,
    base: async () => manifest,
    budgetBytes: 1 << 28,
    aliasTtlMs: 5_000,
    now: Date.now,
  });
  const adapter = await adapters.get(tenant, name);
  const bare = await closedLoop(i =>
    predict({
      base,
      adapter,
      task: classification,
      inputs: [{ text: texts[i % texts.length]! }],
      options: classificationOptions(adapter.manifest),
    }),
  );
  await base.engine.close();
  // From here on it is the load: a request that leaves late because its garbage is collected would count as answered late.
  setFlagsFromString('--heap-growing-percent=700');

  const { key } = await createKey(store, { tenant, scopes: ['predict'], expiresAt: null });
  const server = await startServerProcess({ store: store.url, base: manifest.name, workers });
  const address = new URL(`${server.url}/v1/classification`);
  const load = openLoad(address);
  try {
    const headers = { authorization: `Bearer ${key}`, 'content-type': 'application/json' };
    const requests = texts.map(inputs =>
      requestBytes(address, headers, JSON.stringify({ model: name, inputs })),
    );
    const mixed = (i: number) => load.ask(requests[i % requests.length]!);
    const alike = () => load.ask(requests[1]!);
    await mixed(0);
    const capacity = await closedLoop(mixed);
    const table = {
      'bare engine, answers/s': Math.round(bare),
      'over HTTP, answers/s': Math.round(capacity),
      ratio: (capacity / bare).toFixed(2),
      'at 70 %': latency(await openLoop(mixed, 0.7 * capacity)),
      'at 5 %': latency(await openLoop(mixed, 0.05 * capacity)),
      'at 70 %, 28 tokens each': latency(await openLoop(alike, 0.7 * (await closedLoop(alike)))),
    };
    console.table(table);
    await writeFile('bench-http.json', `${JSON.stringify(table, null, 2)}\n`);
  } finally {
    load.close();
    server.stop();
  }
}
