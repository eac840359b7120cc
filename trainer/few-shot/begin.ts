/** Where a few-shot run begins: what its method has after the contrastive steps, and a head of prototypes. */
import { headNames } from '../../functions/artifacts/modules.ts';
import type { TrainingRow } from '../batches.ts';
import type { Engine, WeightsFile } from '../engines/engine.ts';
import { type Layout, views } from '../parameters.ts';
import type { FewShotPlan } from './choice.ts';
import { type ContrastiveOptions, contrastiveOutputs, trainContrastively } from './contrastive.ts';
import { buildEmbedding, type EmbeddingSpec, embed } from './embedding.ts';
import { prototypeWeights } from './prototypes.ts';

interface BeginArguments extends EmbeddingSpec {
  plan: FewShotPlan;
  engine: Engine;
  weights: WeightsFile;
  rows: readonly TrainingRow[];
  labels: number;
  /** Of the run, and where it starts; changed in place. */
  layout: Layout;
  values: Float32Array;
  options: ContrastiveOptions;
  signal?: AbortSignal | undefined;
  log(line: string): void;
}

/** A function of its arguments, so a run that is killed before its first checkpoint begins with the same again. */
export async function beginFewShot(args: BeginArguments): Promise<void> {
  const { plan, config, rows, labels, layout, values, options, log } = args;
  const classes = rows.map(({ targets }) => targets[0]!);
  const embedding = buildEmbedding(args);
  const common = { layout: embedding.layout, values, config, rows };
  const steps = plan.contrastiveSteps;
  if (steps > 0) {
    const program = await args.engine.compile({
      outputs: contrastiveOutputs(embedding),
      weights: args.weights,
    });
    try {
      const { signal } = args;
      const losses = await trainContrastively({ ...common, program, classes, steps, options, signal });
      const mean = (part: readonly number[]) => part.reduce((sum, loss) => sum + loss, 0) / part.length;
      const tenth = Math.ceil(losses.length / 10);
      const [first, last] = [losses.slice(0, tenth), losses.slice(-tenth)].map(mean);
      log(`contrastive: ${losses.length} steps, loss from ${first!.toFixed(4)} to ${last!.toFixed(4)}`);
    } finally {
      await program.close();
    }
  }
  if (plan.start !== 'prototypes') return;
  const program = await args.engine.compile({
    outputs: { pooled: embedding.pooled },
    weights: args.weights,
  });
  try {
    const embeddings = await embed({ ...common, program, batchSize: options.batchSize });
    const { weight } = headNames(config.family, 'classification');
    views(layout, values)
      .get(weight)!
      .set(prototypeWeights(embeddings, classes, labels));
  } finally {
    await program.close();
  }
}
