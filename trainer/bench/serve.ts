/**
 * `npm run bench -- serve`: a mixed-tenant batch through the engine on one thread, in turn with PyTorch + PEFT with
 * `adapter_names`, PyTorch dynamic int8 without adapters, and transformers.js in float32 without adapters. Peers are
 * optional: VENEER_BENCH_PYTHON names a Python, VENEER_BENCH_TRANSFORMERS_JS a folder with @huggingface/transformers in
 * its node_modules. Then the time of one batch by class of operators, beside its floor.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { baseFile } from '../../functions/artifacts/bases.ts';
import type { BaseManifest, TargetModule } from '../../functions/artifacts/manifests.ts';
import type { Store } from '../../functions/store/store.ts';
import { cacheDir } from '../commands/command.ts';
import { uniform } from '../random.ts';
import { openBenchBase } from './base.ts';
import { inTurn, startMeasured } from './child.ts';
import { floorTable, measureFloor } from './floor.ts';
import { writePlainModel } from './plain-model.ts';
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
  const plain = await plainModel(store, manifest);
  const ours = entry('serve-run');
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
      ...(plain ? [await startMeasured(process.execPath, [...plain.command, `${batch}`, `${length}`])] : []),
    ];
    const stepsPerRound = Math.max(2, Math.round(600 / (batch * length)));
    const [bare, qv, qkvo, all, ...peers] = await inTurn(sides, { rounds: 9, stepsPerRound });
    const [peft, dynamic] = python ? peers : [];
    const transformersJs = plain ? peers.at(-1) : undefined;
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
      ...(transformersJs
        ? {
            'transformers.js ms': transformersJs.ms.toFixed(2),
            'faster than it': (transformersJs.ms / qv!.ms).toFixed(2),
          }
        : {}),
    });
  }
  await plain?.remove();
  console.table(table);
  const mixed = await mixedLengths(store, manifest, ours);
  const methods = await mixedMethods(store, manifest, ours);
  const floor = await measureFloor({ store, manifest }, { batch: 8, length: 64 });
  const { int8, float32 } = floor.peaks;
  console.log(
    `one batch of 8x64 with q,v adapters; a large product alone: ${int8.toFixed(0)} GFLOP/s in int8, ${float32.toFixed(0)} in float32`,
  );
  console.table(floorTable(floor));
  await writeFile(
    'bench-serve.json',
    `${JSON.stringify({ batches: table, mixed, methods, floor }, null, 2)}\n`,
  );
}

const entry = (name: string) => fileURLToPath(new URL(`./bench/${name}.js`, import.meta.url));

/** The model and the command of transformers.js; undefined, with a note, where nobody says where it is. */
async function plainModel(store: Store, manifest: BaseManifest) {
  const installed = process.env.VENEER_BENCH_TRANSFORMERS_JS;
  if (!installed) {
    console.log(
      'transformers.js is skipped: VENEER_BENCH_TRANSFORMERS_JS names no folder where @huggingface/transformers is installed',
    );
    return undefined;
  }
  const folder = await mkdtemp(join(tmpdir(), 'veneer-plain-'));
  const weights = await baseFile(store, manifest.name, manifest.trainingWeights, cacheDir);
  await writePlainModel(folder, manifest.config, weights);
  return {
    command: [entry('transformers-js'), resolve(installed), folder],
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Short questions and long passages in turn, in one call, against the best batch of equal rows: tokens a second. */
async function mixedLengths(store: Store, manifest: BaseManifest, ours: string) {
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
  const ratio = rates[0]! / best;
  const line = `mixed lengths: ${Math.round(rates[0]!)} tokens/s, ${ratio.toFixed(2)} of the best equal length (${names[rates.indexOf(best)]})`;
  console.log(line);
  return { tokensPerSecond: rates[0]!, ofBestEqualLength: ratio };
}

/** Eight rows, a quarter each of LoRA, IA3, prompt and prefix, against the same as LoRA on q,v alone. */
async function mixedMethods(store: Store, manifest: BaseManifest, ours: string) {
  const tokens = 20;
  const methods: ServeBench['methods'] = [
    null,
    { ia3: { targetModules: ['k', 'v', 'd'] } },
    { prompt: { tokens } },
    { prefix: { tokens } },
  ];
  const lengths = (ofPrompt: number) => Array.from({ length: 8 }, (_, i) => (i % 4 === 2 ? ofPrompt : 64));
  const lora: ServeBench = {
    ...{ store: store.url, base: manifest.name, config: manifest.config },
    ...{ modules: ['q', 'v'], rank: 8, adapters: 8, lengths: lengths(64) },
  };
  const candidates: ServeBench[] = [
    lora,
    { ...lora, methods, lengths: lengths(64 - tokens) },
    { ...lora, methods },
  ];
  const sides = await Promise.all(
    candidates.map(bench => startMeasured(process.execPath, [ours, JSON.stringify(bench)])),
  );
  const [plain, padded, longer] = await inTurn(sides, { rounds: 9, stepsPerRound: 5 });
  for (const side of sides) side.close();
  const overhead = (ms: number) => `${(100 * (ms / plain!.ms - 1)).toFixed(0)} %`;
  console.log(
    `8x64, a quarter each of LoRA, IA3, prompts and prefixes of ${tokens}: ${overhead(padded!.ms)} over LoRA alone with the prompts among the 64 tokens, ${overhead(longer!.ms)} with them beside`,
  );
  return { loraMs: plain!.ms, mixedMs: padded!.ms, promptsBesideMs: longer!.ms };
}
