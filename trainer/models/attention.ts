/** Scaled dot-product attention (https://arxiv.org/abs/1706.03762) over the heads of one layer. */
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import type { Dropout } from './family.ts';

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
}

/** [B*S, hidden] */
export function attend({ g, config, qkv, bias, rotate = x => x, dropout }: AttentionArguments): Value {
  const { hiddenSize: h, heads } = config;
  const width = h / heads;
  const [q, k, v] = qkv.map(y => g.transpose(g.reshape(y, ['B', 'S', heads, width]), [0, 2, 1, 3])) as [
    Value,
    Value,
    Value,
  ];
  const products = g.matmul(rotate(q), rotate(k), { transB: true, alpha: 1 / Math.sqrt(width) });
  const context = g.matmul(dropout(g.softmax(g.add(products, bias)), 'attention'), v);
  return g.reshape(g.transpose(context, [0, 2, 1, 3]), ['B*S', h]);
}
