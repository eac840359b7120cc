/** Our side of `bench train` and `bench gpu`: one training step, again and again. Argument: StepBench as JSON. */
import { readBase } from '../../functions/artifacts/bases.ts';
import type { EncoderConfig, TargetModule } from '../../functions/artifacts/manifests.ts';
import { openStore } from '../../functions/store/open.ts';
import { type FrozenBase, openFrozenBase, type TrainingPrecision } from '../base/frozen-base.ts';
import { stepInputs, type TrainingRow } from '../batches.ts';
import { cacheDir } from '../commands/command.ts';
import { openTfjsEngine } from '../engine-choice.ts';
import { onnxEngine } from '../engines/onnx.ts';
import type { Spent } from '../engines/spent.ts';
import type { ProductPrecision } from '../engines/tfjs.ts';
import type { HeadSpec } from '../heads.ts';
import { frozenSeams } from '../methods/frozen.ts';
import { adamW, adamWState, clipNorm } from '../optimizer.ts';
import { initialValues, parameterInputs } from '../parameters.ts';
import { buildStep, gradientName } from '../step.ts';
import { readWeightsFile } from '../weights.ts';
import { answerGo } from './measured.ts';

export interface StepBench {
  /** A base in a store, or a file of weights for the same `config`. */
  base: { store: string; name: string; precision: TrainingPrecision } | { weightsPath: string };
  config: EncoderConfig;
  modules: TargetModule[];
  rank: number;
  batch: number;
  length: number;
  labels: number;
  threads: number;
  /** onnx where left out. */
  engine?: 'onnx' | 'tfjs';
  /** Of products, by the tfjs engine. */
  products?: ProductPrecision;
  /** Whether the peer's products of float32 may be in TF32. */
  tf32?: boolean;
  /** Where the peer computes. */
  device?: 'cpu' | 'cuda';
}

const bench: StepBench = JSON.parse(process.argv[2]!);
const { config, batch, length, labels } = bench;
const head: HeadSpec = {
  task: 'classification',
  head: { kind: 'pooled', pooling: 'mean', dense: false },
  labels,
};
const method = {
  name: 'lora',
  rank: bench.rank,
  alpha: 2 * bench.rank,
  targetModules: bench.modules,
} as const;
const { weights, seams: frozen } = await openBase();
const { layout, outputs } = buildStep({ config, method, frozen, head });
const issuingMs: number[] = [];
const callsMs: number[] = [];
const onSpent = ({ issuing, calls }: Spent) => {
  issuingMs.push(issuing);
  callsMs.push(calls);
};
const engine =
  bench.engine === 'tfjs'
    ? await openTfjsEngine({
        ...{ precision: bench.products ?? 'fp32', threads: bench.threads, cacheDir, onSpent },
      })
    : onnxEngine({ threads: bench.threads });
const program = await engine.compile({ outputs, weights });
const values = initialValues(layout, { seed: 1, stream: 0 });
const parameters = parameterInputs(layout, values);
const state = adamWState(layout.size);
const rows = Array.from({ length: batch }, (_, row): TrainingRow => {
  const ids = Int32Array.from(
    { length },
    (_, i) => 1000 + (((row * length + i) * 7919) % (config.vocabularySize - 1000)),
  );
  return {
    window: { ids, typeIds: new Int32Array(length), position: 1, first: 0, count: length - 2 },
    targets: Int32Array.of(row % labels),
  };
});

async function openBase(): Promise<FrozenBase> {
  if ('weightsPath' in bench.base)
    return { weights: await readWeightsFile(bench.base.weightsPath), seams: frozenSeams(config) };
  const { name, precision } = bench.base;
  const store = await openStore(bench.base.store);
  return openFrozenBase({ store, manifest: await readBase(store, name), precision, cacheDir });
}

/** What fit.ts does for one step. */
async function step(): Promise<void> {
  const results = await program.run({
    ...stepInputs(rows, { config, head, units: batch }),
    ...parameters,
  });
  const gradient = new Float32Array(layout.size);
  for (const { name, offset } of layout.parameters) gradient.set(results[gradientName(name)]!.data, offset);
  clipNorm(gradient, 1);
  adamW({ layout, values, gradient, state }, { learningRate: 1e-4, weightDecay: 0.01 });
}

await answerGo(step, () =>
  bench.engine === 'tfjs' ? { issuingMs: issuingMs.splice(0), callsMs: callsMs.splice(0) } : {},
);
