/**
 * BERT (https://arxiv.org/abs/1810.04805), post-norm, with learned positions, as in transformers' BertModel without its
 * pooler.
 */
import { EncoderConfig, targetModules } from '../../functions/artifacts/manifests.ts';
import { familyNames, moduleWidths } from '../../functions/artifacts/modules.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import type { Family } from './family.ts';

const { module: modulePath } = familyNames('bert');

/** Names in config.json of what our config has. */
const fieldNames: Record<string, string> = {
  hiddenSize: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  intermediateSize: 'intermediate_size',
  vocabularySize: 'vocab_size',
  maxPositions: 'max_position_embeddings',
  tokenTypes: 'type_vocab_size',
  layerNormEpsilon: 'layer_norm_eps',
  activation: 'hidden_act',
};

function readConfig(config: Record<string, unknown>): EncoderConfig {
  const { position_embedding_type: positions = 'absolute' } = config;
  if (positions !== 'absolute')
    throw new VeneerError(
      'invalid_artifact',
      `config.json: position_embedding_type ${positions} is not supported, only absolute`,
    );
  const parsed = EncoderConfig.safeParse({
    family: 'bert',
    hiddenSize: config.hidden_size,
    layers: config.num_hidden_layers,
    heads: config.num_attention_heads,
    intermediateSize: config.intermediate_size,
    vocabularySize: config.vocab_size,
    maxPositions: config.max_position_embeddings,
    positionOffset: 0,
    tokenTypes: config.type_vocab_size,
    layerNormEpsilon: config.layer_norm_eps,
    activation: config.hidden_act,
  });
  if (parsed.success && parsed.data.hiddenSize % parsed.data.heads !== 0)
    throw new VeneerError(
      'invalid_artifact',
      `config.json: hidden_size ${parsed.data.hiddenSize} is no multiple of num_attention_heads ${parsed.data.heads}`,
    );
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new VeneerError(
    'invalid_artifact',
    `config.json: ${fieldNames[String(issue?.path[0])]}: ${issue?.message}`,
  );
}

function tensors(config: EncoderConfig): Map<string, readonly number[]> {
  const { hiddenSize: h, layers } = config;
  const shapes = new Map<string, readonly number[]>([
    ['embeddings.word_embeddings.weight', [config.vocabularySize, h]],
    ['embeddings.position_embeddings.weight', [config.maxPositions, h]],
    ['embeddings.token_type_embeddings.weight', [config.tokenTypes, h]],
    ['embeddings.LayerNorm.weight', [h]],
    ['embeddings.LayerNorm.bias', [h]],
  ]);
  for (let layer = 0; layer < layers; layer++) {
    for (const module of targetModules) {
      const widths = moduleWidths(config, module);
      shapes.set(`${modulePath(layer, module)}.weight`, [widths.out, widths.in]);
      shapes.set(`${modulePath(layer, module)}.bias`, [widths.out]);
    }
    for (const norm of ['attention.output.LayerNorm', 'output.LayerNorm'])
      for (const part of ['weight', 'bias']) shapes.set(`encoder.layer.${layer}.${norm}.${part}`, [h]);
  }
  return shapes;
}

const wordTable = 'embeddings.word_embeddings.weight';

const encode: Family['encode'] = ({ g, config, inputs, project, lookup, dropout = x => x }) => {
  const { hiddenSize: h, heads, layers, activation } = config;
  const width = h / heads;
  const norm = (x: Value, name: string) => layerNorm(g, x, name, config);
  const words = lookup({
    g,
    name: wordTable,
    rows: config.vocabularySize,
    width: h,
    indices: inputs.inputIds,
    role: 'table',
  });
  const small = (table: string, rows: number, indices: Value) =>
    lookup({ g, name: `embeddings.${table}.weight`, rows, width: h, indices, role: 'plain' });
  const types = small('token_type_embeddings', config.tokenTypes, inputs.tokenTypeIds);
  const positions = small('position_embeddings', config.maxPositions, inputs.positionIds);
  const embedded = g.reshape(g.add(g.add(words, types), positions), ['B*S', h]);
  let x = dropout(norm(embedded, 'embeddings.LayerNorm'), 'hidden');
  const split = (y: Value) => g.transpose(g.reshape(y, ['B', 'S', heads, width]), [0, 2, 1, 3]);
  for (let layer = 0; layer < layers; layer++) {
    const [q, k, v] = project({ g, layer, modules: ['q', 'k', 'v'], x }).map(split) as [Value, Value, Value];
    const scores = g.add(g.matmul(q, k, { transB: true, alpha: 1 / Math.sqrt(width) }), inputs.attentionBias);
    const probabilities = dropout(g.softmax(scores), 'attention');
    const context = g.transpose(g.matmul(probabilities, v), [0, 2, 1, 3]);
    const [attended] = project({ g, layer, modules: ['o'], x: g.reshape(context, ['B*S', h]) });
    x = norm(g.add(dropout(attended!, 'hidden'), x), `encoder.layer.${layer}.attention.output.LayerNorm`);
    const [up] = project({ g, layer, modules: ['u'], x });
    const [down] = project({ g, layer, modules: ['d'], x: g[activation](up!) });
    x = norm(g.add(dropout(down!, 'hidden'), x), `encoder.layer.${layer}.output.LayerNorm`);
  }
  return x;
};

function layerNorm(g: Graph, x: Value, name: string, { hiddenSize, layerNormEpsilon }: EncoderConfig): Value {
  const part = (suffix: string) => g.weight(`${name}.${suffix}`, [hiddenSize]);
  return g.layerNorm(x, part('weight'), part('bias'), layerNormEpsilon);
}

export const bert: Family = { name: 'bert', readConfig, tensors, largeTables: [wordTable], encode };
