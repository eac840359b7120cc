/** Task heads and losses as graphs. Targets come as weights over the classes, so smoothing and averaging are data. */
import type { EncoderConfig, Head, Problem } from '../functions/artifacts/manifests.ts';
import { familyNames, headNames } from '../functions/artifacts/modules.ts';
import type { TaskName } from '../functions/artifacts/names.ts';
import { clozeLogits, clozeParameters } from './cloze-head.ts';
import type { Cloze } from './few-shot/cloze.ts';
import type { Graph } from './graph/graph.ts';
import type { Value } from './graph/value.ts';
import type { Dropout } from './models/family.ts';
import type { Parameter } from './parameters.ts';

export interface Weighting {
  /**
   * Spread over all classes, as torch's CrossEntropyLoss does; multi-label: towards one half. 0 for none.
   */
  labelSmoothing: number;
  /**
   * One a class; absent: all 1. Single-label and labeling: as torch's CrossEntropyLoss `weight`. Multi-label: of the labels
   * that are given, as BCEWithLogitsLoss `pos_weight`.
   */
  classWeights?: Float32Array;
}

export interface HeadSpec {
  task: TaskName;
  head: Head;
  labels: number;
  /** Of classification; left out: single-label. */
  problem?: Problem;
  /** How targets are weighted; no part of the graph. */
  weighting?: Weighting;
  /** A blank is filled in: the place of its mask is pooled, and the head is the checkpoint's own. Instead of `head`'s layers. */
  cloze?: Cloze | undefined;
  /** Where the output's bias starts; left out: at zero. */
  bias?: Float32Array;
}

/** The base's own pooler, where it has one, starts the dense layer. */
export interface Pooler {
  weight: Float32Array;
  bias: Float32Array;
}

export function headParameters(
  config: EncoderConfig,
  { task, head, labels, bias, cloze }: HeadSpec,
  pooler?: Pooler,
): Parameter[] {
  if (cloze) return clozeParameters(config, cloze);
  const { hiddenSize: h, family } = config;
  const names = headNames(family, task);
  const limit = { uniform: 1 / Math.sqrt(h) };
  const output: Parameter[] = [
    { name: names.weight, shape: [labels, h], init: limit, decay: true },
    { name: names.bias, shape: [labels], init: bias ? { values: bias } : 'zeros', decay: false },
  ];
  if (head.kind !== 'pooled' || !head.dense) return output;
  return [
    { name: names.denseWeight, shape: [h, h], init: pooler ? { values: pooler.weight } : limit, decay: true },
    { name: names.denseBias, shape: [h], init: pooler ? { values: pooler.bias } : 'zeros', decay: false },
    ...output,
  ];
}

/** [B, hidden]: the hidden states [B*S, hidden] of each row, weighed by input `pooling` [B, 1, S]. */
export function pooledHidden(g: Graph, hidden: Value, h: number): Value {
  const pooling = g.input('pooling', ['B', 1, 'S']);
  return g.reshape(g.matmul(pooling, g.reshape(hidden, ['B', 'S', h])), ['B', h]);
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
  const names = headNames(config.family, spec.task);
  const linear = (x: Value, weight: string, bias: string) =>
    g.matmul(x, parameters.get(weight)!, { transB: true, addend: parameters.get(bias)! });
  if (spec.head.kind === 'token') {
    const read = spec.task === 'question-answering' ? hidden : dropout(hidden, 'hidden');
    return linear(read, names.weight, names.bias);
  }
  let pooled = pooledHidden(g, hidden, config.hiddenSize);
  if (spec.cloze) return clozeLogits({ g, config, masked: pooled, parameters });
  if (spec.head.dense) {
    const { activation } = familyNames(config.family).head;
    pooled = g[activation](linear(pooled, names.denseWeight, names.denseBias));
  }
  return linear(dropout(pooled, 'hidden'), names.weight, names.bias);
}

interface LossArguments {
  g: Graph;
  logits: Value;
  labels: number;
}

/** What is learned: the problem of classification, else the task. */
export type LossName = Problem | Exclude<TaskName, 'classification'>;

export function lossName({ task, problem = 'single-label' }: Pick<HeadSpec, 'task' | 'problem'>): LossName {
  return task === 'classification' ? problem : task;
}

/** Losses [] over logits and the input `targets`, whose weights hold all averaging (targets.ts). */
const losses: Record<LossName, (given: LossArguments) => Value> = {
  'single-label': ({ g, logits, labels }) =>
    crossEntropy(g, g.input('targets', [logits.shape[0]!, labels]), logits),

  'sequence-labeling': ({ g, logits, labels }) =>
    crossEntropy(g, g.input('targets', [logits.shape[0]!, labels]), logits),

  // Over positions; what is no token of the row is masked out of the softmax.
  'question-answering': ({ g, logits }) => {
    const byPosition = g.transpose(g.reshape(logits, ['B', 'S', 2]), [0, 2, 1]);
    const masked = g.add(byPosition, g.input('answer_bias', ['B', 1, 'S']));
    return crossEntropy(g, g.input('targets', ['B', 2, 'S']), masked);
  },

  // -log sigmoid(z) = softplus(-z) and -log(1 - sigmoid(z)) = softplus(z), without overflow.
  'multi-label': ({ g, logits, labels }) => {
    const costs = g.concat([g.softplus(g.scale(logits, -1)), g.softplus(logits)], 1);
    const targets = g.input('targets', ['B', 2, labels]);
    return total(g, g.mul(targets, g.reshape(costs, ['B', 2, labels])));
  },

  regression: ({ g, logits }) => {
    const [values, weights] = g.split(g.input('targets', ['B', 2]), 1, [1, 1]);
    const error = g.sub(logits, values!);
    return total(g, g.mul(weights!, g.mul(error, error)));
  },
};

export function lossOf(spec: HeadSpec, given: Omit<LossArguments, 'labels'>): Value {
  return losses[lossName(spec)]({ ...given, labels: spec.labels });
}

/** Minus the sum of targets * log softmax(logits); targets are weights over the last axis. */
function crossEntropy(g: Graph, targets: Value, logits: Value): Value {
  return g.scale(total(g, g.mul(targets, g.logSoftmax(logits))), -1);
}

function total(g: Graph, values: Value): Value {
  return g.reshape(g.sum(values, [...values.shape.keys()]), []);
}
