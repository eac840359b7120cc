/** What a pooled head reads: texts as mean-pooled hidden states of the encoder as a method adapts it. */
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { encoderFeeds, type TrainingRow } from '../batches.ts';
import type { Program } from '../engines/engine.ts';
import { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import { pooledHidden } from '../heads.ts';
import type { FrozenSeams } from '../methods/method.ts';
import { adaptedSeams, type MethodSpec, methodParameters } from '../methods/methods.ts';
import { familyOf } from '../models/families.ts';
import { encoderInputs } from '../models/family.ts';
import { type Layout, layoutOf, parameterInputs } from '../parameters.ts';
import { prototypeHead } from './choice.ts';

export interface EmbeddingSpec {
  config: EncoderConfig;
  method: MethodSpec;
  frozen: FrozenSeams;
}

export interface Embedding {
  g: Graph;
  /** Of the method's parameters, which a step's layout begins with. */
  layout: Layout;
  parameters: ReadonlyMap<string, Value>;
  /** [B, hidden] */
  pooled: Value;
}

export function buildEmbedding({ config, method, frozen }: EmbeddingSpec): Embedding {
  const layout = layoutOf(methodParameters(config, method));
  const g = new Graph();
  const inputs = encoderInputs(g);
  const parameters = new Map(layout.parameters.map(({ name, shape }) => [name, g.input(name, shape)]));
  const seams = adaptedSeams({ g, config, spec: method, parameters }, frozen);
  const hidden = familyOf(config.family).encode({ g, config, inputs, ...seams });
  return { g, layout, parameters, pooled: pooledHidden(g, hidden, config.hiddenSize) };
}

interface EmbedArguments {
  /** Gives `pooled`. */
  program: Program;
  layout: Layout;
  values: Float32Array;
  config: EncoderConfig;
  rows: readonly TrainingRow[];
  batchSize: number;
}

/** An embedding a row, in their order; rows of like length are computed together. */
export async function embed({
  program,
  layout,
  values,
  config,
  rows,
  batchSize,
}: EmbedArguments): Promise<Float32Array[]> {
  const order = [...rows.keys()].sort((a, b) => rows[b]!.window.ids.length - rows[a]!.window.ids.length);
  const parameters = parameterInputs(layout, values);
  const embeddings: Float32Array[] = [];
  for (let from = 0; from < order.length; from += batchSize) {
    const batch = order.slice(from, from + batchSize);
    const feeds = encoderFeeds(
      batch.map(i => rows[i]!),
      { config, head: prototypeHead },
    );
    const { pooled } = await program.run({ ...feeds, ...parameters });
    const width = pooled!.shape[1]!;
    batch.forEach((i, at) => {
      embeddings[i] = (pooled!.data as Float32Array).slice(at * width, (at + 1) * width);
    });
  }
  return embeddings;
}
