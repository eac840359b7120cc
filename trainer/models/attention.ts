/** Scaled dot-product attention (https://arxiv.org/abs/1706.03762) over the heads of one layer. */
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import type { Dropout, Prefix } from './family.ts';

interface AttentionArguments {
  g: Graph;
  config: EncoderConfig;
  /** Query, key and value [B*S, hidden]. */
  qkv: readonly Value[];
  /** Added to the scores [B, heads, S, S]. */
  bias: Value;
  /** Applied to query and key [B, heads, S, width]. */
  rotate?: (x: Value) => Value;
  /** Applied to the probabilities. */
  dropout: Dropout;
  prefix?: Prefix | undefined;
}

/** [B*S, hidden] */
export function attend(args: AttentionArguments): Value {
  const { g, config, qkv, bias, rotate = x => x, dropout, prefix } = args;
  const { hiddenSize: h, heads } = config;
  const width = h / heads;
  const [q, k, v] = qkv.map(y => g.transpose(g.reshape(y, ['B', 'S', heads, width]), [0, 2, 1, 3])) as [
    Value,
    Value,
    Value,
  ];
  const alpha = 1 / Math.sqrt(width);
  const scores = g.add(g.matmul(rotate(q), rotate(k), { transB: true, alpha }), bias);
  const own = g.matmul(dropout(g.softmax(scores), 'attention'), v);
  const context = prefix ? withPrefix({ g, q, scores, own, alpha, prefix, dropout }) : own;
  return g.reshape(g.transpose(context, [0, 2, 1, 3]), ['B*S', h]);
}

interface PrefixArguments {
  g: Graph;
  q: Value;
  /** [B, heads, S, S] */
  scores: Value;
  /** What attention to the row's own tokens gives [B, heads, S, width]. */
  own: Value;
  alpha: number;
  prefix: Prefix;
  dropout: Dropout;
}

/**
 * One softmax over the keys of a prefix and of the row is the two softmaxes apart, weighed by the shares that both have in
 * it: so rows without a prefix are computed as if no row had one.
 */
function withPrefix({ g, q, scores, own, alpha, prefix, dropout }: PrefixArguments): Value {
  const { keys, values, rows } = prefix;
  const pick = (x: Value) => (rows ? g.gather(x, rows.places) : x);
  const products = g.matmul(pick(q), keys, { transB: true, alpha });
  const prefixScores = rows ? g.add(products, rows.bias) : products;
  const ofPrefix = g.matmul(dropout(g.softmax(prefixScores), 'attention'), values);
  const share = g.sigmoid(g.sub(logSumExp(g, prefixScores), logSumExp(g, pick(scores))));
  const picked = pick(own);
  const blended = g.add(picked, g.mul(share, g.sub(ofPrefix, picked)));
  return rows ? g.replaceRows(own, rows.places, blended) : blended;
}

/** Over the last axis, which stays with size 1: sum of p (x - log p) with p = softmax x, whose terms are all the same. */
function logSumExp(g: Graph, x: Value): Value {
  const logs = g.logSoftmax(x);
  return g.sum(g.mul(g.exp(logs), g.sub(x, logs)), [x.shape.length - 1]);
}
