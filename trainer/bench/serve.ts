/**
 * `npm run bench -- serve`: a mixed-tenant batch through the engine on one thread, against PyTorch + PEFT with
 * `adapter_names` and PyTorch dynamic int8 without adapters, in turn. Peers run where VENEER_BENCH_PYTHON names a Python.
 */
import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { BaseManifest, TargetModule } from '../../functions/artifacts/manifests.ts';
import type { Store } from '../../functions/store/store.ts';
import { uniform } from '../random.ts';
import { openBenchBase } from './base.ts';
import { inTurn, startMeasured } from './child.ts';
import type { ServeBench } from './serve-run.ts';

const shapes = [
  [1, 16],
  [1, 64],
  [8, 64],
  [32, 64],
] as const;
const moduleSets: TargetModule[][] = [
  ['q', 'v'],
  ['q', 'k', 'v', 'o'],
  ['q', 'k', 'v', 'o', 'u', 'd'],
];

export async function benchServe(): Promise<void> {
  const { store, manifest } = await openBenchBase();
  const python = process.env.VENEER_BENCH_PYTHON;
  if (!python)
    console.log('PyTorch is skipped: VENEER_BENCH_PYTHON names no Python with torch, transformers and peft');
  const ours = fileURLToPath(new URL('./bench/serve-run.js', import.meta.url));
  const peer = resolve('trainer/bench/serve.py');
  const table: Record<string, string | number>[] = [];
  for (const [batch, length] of shapes) {
    const describe = (modules: TargetModule[]): ServeBench => ({
      store: store.url,
      base: manifest.name,
      config: manifest.config,
      modules,
      rank: 8,
      adapters: Math.min(32, batch),
      lengths: new Array(batch).fill(length),
    });
    const argument = JSON.stringify({ ...describe(moduleSets[0]!), batch, length });
    const sides = [
      ...(await Promise.all(
        [[], ...moduleSets].map(modules =>
          startMeasured(process.execPath, [ours, JSON.stringify(describe(modules))]),
        ),
      )),
      ...(python
        ? await Promise.all(
            ['peft-mixed', 'dynamic-int8'].map(kind => startMeasured(python, [peer, kind, argument])),
          )
        : []),
    ];
    const stepsPerRound = Math.max(2, Math.round(600 / (batch * length)));
    const [bare, qv, qkvo, all, peft, dynamic] = await inTurn(sides, { rounds: 9, stepsPerRound });
    for (const side of sides) side.close();
    const overhead = (ms: number) => `${(100 * (ms / bare!.ms - 1)).toFixed(0)} %`;
    table.push({
      shape: `${batch}x${length}`,
      'q,v ms': qv!.ms.toFixed(2),
      'no adapter ms': bare!.ms.toFixed(2),
      'q,v': overhead(qv!.ms),
      'q,k,v,o': overhead(qkvo!.ms),
      'all linears': overhead(all!.ms),
      ...(peft && dynamic
        ? {
            'PEFT mixed ms': peft.ms.toFixed(2),
            'times faster': (peft.ms / qv!.ms).toFixed(2),
            'torch int8 ms': dynamic.ms.toFixed(2),
            'speed vs it': (dynamic.ms / qv!.ms).toFixed(2),
          }
        : {}),
    });
  }
  console.table(table);
  await mixedLengths(store, manifest, ours);
  await writeFile('bench-serve.json', `${JSON.stringify(table, null, 2)}\n`);
}

/** Short questions and long passages in turn, in one call, against the best batch of equal rows: tokens a second. */
async function mixedLengths(store: Store, manifest: BaseManifest, ours: string): Promise<void> {
  const random = { seed: 1, stream: 8 };
  const between = (i: number, low: number, high: number) =>
    low + Math.floor(uniform(random, i) * (high - low));
  const mixed = Array.from({ length: 128 }, (_, i) =>
    i % 2 === 0 ? between(i, 8, 30) : between(i, 90, 220),
  );
  const candidates = {
    mixed,
    ...Object.fromEntries([16, 32, 64, 128].map(n => [`${n}`, new Array(2048 / n).fill(n)])),
  };
  const names = Object.keys(candidates);
  const sides = await Promise.all(
    Object.values(candidates).map(lengths => {
      const bench: ServeBench = {
        store: store.url,
        base: manifest.name,
        config: manifest.config,
        modules: ['q', 'v'],
        rank: 8,
        adapters: 32,
        lengths,
      };
      return startMeasured(process.execPath, [ours, JSON.stringify(bench)]);
    }),
  );
  const results = await inTurn(sides, { rounds: 5, stepsPerRound: 1 });
  for (const side of sides) side.close();
  const rates = results.map(({ ms }, i) => {
    const tokens = Object.values(candidates)[i]!.reduce((a, b) => a + b, 0);
    return (1000 * tokens) / ms;
  });
  const best = Math.max(...rates.slice(1));
  const line = `mixed lengths: ${Math.round(rates[0]!)} tokens/s, ${(rates[0]! / best).toFixed(2)} of the best equal length (${names[rates.indexOf(best)]})`;
  console.log(line);
}
