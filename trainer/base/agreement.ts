/** Whether a rounded base still says of a run's own texts what the float32 base says: the gate before training on it. */
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import { tokenFeeds } from '../../functions/engine/token-feeds.ts';
import { VeneerError } from '../../functions/error.ts';
import type { TrainingRow } from '../batches.ts';
import type { Engine } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import { familyOf } from '../models/families.ts';
import { encoderInputs } from '../models/family.ts';
import { cosine } from './cosine.ts';
import type { FrozenBase, TrainingPrecision } from './frozen-base.ts';

/** Least mean cosine of pooled hidden states to float32's. A base served in int8 has 0.998; four bits have 0.97. */
const leastCosine: Record<TrainingPrecision, number> = { fp32: 1, bf16: 1, int8: 0.98, int4: 0.85 };
const sampleRows = 16;

interface AgreementArguments {
  engine: Engine;
  base: BaseManifest;
  precision: TrainingPrecision;
  rounded: FrozenBase;
  exact: FrozenBase;
  rows: readonly TrainingRow[];
}

/** Mean cosine over the first rows. @throws VeneerError `training_failed` where it is too low. */
export async function checkAgreement(args: AgreementArguments): Promise<number> {
  const { precision, rounded, exact } = args;
  const [ours, theirs] = [await pooledStates(args, rounded), await pooledStates(args, exact)];
  const mean = ours.reduce((sum, vector, i) => sum + cosine(vector, theirs[i]!), 0) / ours.length;
  // Written so that NaN fails.
  if (!(mean >= leastCosine[precision]))
    throw new VeneerError(
      'training_failed',
      `the ${precision} base is too far from float32 on these texts (cosine ${mean.toFixed(4)}, at least ${leastCosine[precision]}): use --precision fp32`,
    );
  return mean;
}

async function pooledStates(
  { engine, base: { config }, rows }: AgreementArguments,
  { weights, seams }: FrozenBase,
): Promise<Float32Array[]> {
  const g = new Graph();
  const h = config.hiddenSize;
  const hidden = familyOf(config.family).encode({ g, config, inputs: encoderInputs(g), ...seams });
  const pooled = g.matmul(g.input('pooling', ['B', 1, 'S']), g.reshape(hidden, ['B', 'S', h]));
  const program = await engine.compile({ outputs: { pooled }, weights });
  try {
    const head = { kind: 'pooled', pooling: 'mean', dense: false } as const;
    const sample = rows.slice(0, sampleRows).map(({ window }) => ({ window, head }));
    const { data } = (await program.run(tokenFeeds(sample, config))).pooled!;
    return sample.map((_, row) => (data as Float32Array).slice(row * h, (row + 1) * h));
  } finally {
    await program.close();
  }
}
