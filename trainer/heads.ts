/** Task heads and losses as graphs. Targets come as weights over the classes, so smoothing and averaging are data. */
import type { EncoderConfig, Head } from '../functions/artifacts/manifests.ts';
import { familyNames, headNames } from '../functions/artifacts/modules.ts';
import type { TaskName } from '../functions/artifacts/names.ts';
import type { Graph } from './graph/graph.ts';
import type { Value } from './graph/value.ts';
import type { Dropout } from './models/family.ts';
import type { Parameter } from './parameters.ts';

export interface HeadSpec {
  task: TaskName;
  head: Head;
  labels: number;
}

/** The base's own pooler, where it has one, starts the dense layer. */
export interface Pooler {
  weight: Float32Array;
  bias: Float32Array;
}

export function headParameters(
  config: EncoderConfig,
  { task, head, labels }: HeadSpec,
  pooler?: Pooler,
): Parameter[] {
  const { hiddenSize: h, family } = config;
  const names = headNames(family, task);
  const limit = { uniform: 1 / Math.sqrt(h) };
  const output: Parameter[] = [
    { name: names.weight, shape: [labels, h], init: limit, decay: true },
    { name: names.bias, shape: [labels], init: 'zeros', decay: false },
  ];
  if (head.kind !== 'pooled' || !head.dense) return output;
  return [
    { name: names.denseWeight, shape: [h, h], init: pooler ? { values: pooler.weight } : limit, decay: true },
    { name: names.denseBias, shape: [h], init: pooler ? { values: pooler.bias } : 'zeros', decay: false },
    ...output,
  ];
}

interface HeadArguments {
  g: Graph;
  config: EncoderConfig;
  spec: HeadSpec;
  /** [B*S, hidden] */
  hidden: Value;
  parameters: ReadonlyMap<string, Value>;
  /** Applied to what classifiers read; transformers has none before `qa_outputs`. */
  dropout?: Dropout;
}

/** Logits [B, labels] of a pooled head, or [B*S, labels] of a token head. Reads input `pooling` [B, 1, S] where pooled. */
export function headLogits({ g, config, spec, hidden, parameters, dropout = x => x }: HeadArguments): Value {
  const h = config.hiddenSize;
  const names = headNames(config.family, spec.task);
  const linear = (x: Value, weight: string, bias: string) =>
    g.matmul(x, parameters.get(weight)!, { transB: true, addend: parameters.get(bias)! });
  if (spec.head.kind === 'token') {
    const read = spec.task === 'question-answering' ? hidden : dropout(hidden, 'hidden');
    return linear(read, names.weight, names.bias);
  }
  const pooling = g.input('pooling', ['B', 1, 'S']);
  let pooled = g.reshape(g.matmul(pooling, g.reshape(hidden, ['B', 'S', h])), ['B', h]);
  if (spec.head.dense) {
    const { activation } = familyNames(config.family).head;
    pooled = g[activation](linear(pooled, names.denseWeight, names.denseBias));
  }
  return linear(dropout(pooled, 'hidden'), names.weight, names.bias);
}

/**
 * Cross-entropy: minus the sum of targets * log softmax(logits). Classification and labeling: targets [rows, labels].
 * Question answering: targets [B, 2, S] over positions, padding masked out of the softmax.
 */
export function lossOf(g: Graph, task: TaskName, logits: Value, attentionBias: Value, labels: number): Value {
  if (task === 'question-answering') {
    const byPosition = g.transpose(g.reshape(logits, ['B', 'S', 2]), [0, 2, 1]);
    const masked = g.add(byPosition, g.reshape(attentionBias, ['B', 1, 'S']));
    const targets = g.input('targets', ['B', 2, 'S']);
    return g.reshape(g.scale(g.sum(g.mul(targets, g.logSoftmax(masked)), [0, 1, 2]), -1), []);
  }
  const targets = g.input('targets', [logits.shape[0]!, labels]);
  return g.reshape(g.scale(g.sum(g.mul(targets, g.logSoftmax(logits)), [0, 1]), -1), []);
}
