/**
 * R-Drop (https://arxiv.org/abs/2106.14448): two passes over the same rows with different dropout masks, the mean of their
 * losses, and alpha times how far their answers are apart, (KL(p || q) + KL(q || p)) / 2.
 */
import type { Graph } from './graph/graph.ts';
import type { Value } from './graph/value.ts';

interface RDropArguments {
  /** Logits [rows, labels] of both passes. */
  passes: readonly [Value, Value];
  /** [rows, labels]; a row's sum is its weight. */
  targets: Value;
  alpha: number;
  loss(logits: Value): Value;
}

export function rDropLoss(g: Graph, { passes: [a, b], targets, alpha, loss }: RDropArguments): Value {
  const [logA, logB] = [g.logSoftmax(a), g.logSoftmax(b)];
  // KL(p || q) + KL(q || p) = sum of (p - q) (log p - log q).
  const apart = g.sum(g.mul(g.sub(g.exp(logA), g.exp(logB)), g.sub(logA, logB)), [1]);
  const weighted = g.reshape(g.sum(g.mul(apart, g.sum(targets, [1])), [0, 1]), []);
  const both = g.scale(g.add(loss(a), loss(b)), 0.5);
  return g.add(both, g.scale(weighted, alpha / 2));
}
