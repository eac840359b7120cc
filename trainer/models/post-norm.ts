/**
 * The encoder body that BERT and most of its successors share: embeddings, then layers of attention and FFN, each added to
 * its input and normalized. What differs between families is data: names, and which embeddings there are.
 */
import { type EncoderConfig, targetModules } from '../../functions/artifacts/manifests.ts';
import { familyNames, moduleWidths } from '../../functions/artifacts/modules.ts';
import type { Value } from '../graph/value.ts';
import { attend } from './attention.ts';
import type { EncodeArguments, Family } from './family.ts';

/** Names of tensors, tables and linear layers without `.weight` and `.bias`. */
export interface PostNormNames {
  words: string;
  positions: string;
  embeddingNorm: string;
  /** Read where the config has token types. */
  tokenTypes?: string;
  /** Read where the config has task types. */
  taskTypes?: string;
  /** From the width of the embeddings to the hidden size, where they differ. */
  projection?: string;
  /** A bias by bucket of distance and head, for all layers. */
  relativeBias?: string;
  attentionNorm(layer: number): string;
  outputNorm(layer: number): string;
}

interface Table {
  name: string;
  rows: number;
}

/** Embedding tables but that of words. */
function smallTables(config: EncoderConfig, names: PostNormNames) {
  const table = (name: string | undefined, rows: number | undefined): Table | undefined =>
    name !== undefined && rows ? { name, rows } : undefined;
  return {
    positions: { name: names.positions, rows: config.maxPositions },
    tokenTypes: table(names.tokenTypes, config.tokenTypes),
    taskTypes: table(names.taskTypes, config.taskTypes),
  };
}

function tensorShapes(config: EncoderConfig, names: PostNormNames): Map<string, readonly number[]> {
  const { hiddenSize: h, embeddingSize: e = h, layers, heads, relativeBuckets } = config;
  const shapes = new Map<string, readonly number[]>([[`${names.words}.weight`, [config.vocabularySize, e]]]);
  const norm = (name: string, width: number) => {
    for (const part of ['weight', 'bias']) shapes.set(`${name}.${part}`, [width]);
  };
  for (const table of Object.values(smallTables(config, names)))
    if (table) shapes.set(`${table.name}.weight`, [table.rows, e]);
  norm(names.embeddingNorm, e);
  if (e !== h) {
    shapes.set(`${names.projection}.weight`, [h, e]);
    shapes.set(`${names.projection}.bias`, [h]);
  }
  if (relativeBuckets) shapes.set(`${names.relativeBias}.weight`, [relativeBuckets, heads]);
  const { module: modulePath } = familyNames(config.family);
  for (let layer = 0; layer < layers; layer++) {
    for (const module of targetModules) {
      const widths = moduleWidths(config, module);
      shapes.set(`${modulePath(layer, module)}.weight`, [widths.out, widths.in]);
      shapes.set(`${modulePath(layer, module)}.bias`, [widths.out]);
    }
    norm(names.attentionNorm(layer), h);
    norm(names.outputNorm(layer), h);
  }
  return shapes;
}

/** Hidden states [B*S, hidden] below the first layer. */
function embed({ g, config, inputs, lookup }: EncodeArguments, names: PostNormNames): Value {
  const { hiddenSize: h, embeddingSize: e = h, vocabularySize } = config;
  const words = { g, name: `${names.words}.weight`, rows: vocabularySize, width: e };
  let sum = lookup({ ...words, indices: inputs.inputIds, role: 'table' });
  const add = (table: Table | undefined, indices: Value) => {
    if (!table) return;
    const { name, rows } = table;
    sum = g.add(sum, lookup({ g, name: `${name}.weight`, rows, width: e, indices, role: 'plain' }));
  };
  const first = g.constant([0], [1], 'int32');
  const { tokenTypes, taskTypes, positions } = smallTables(config, names);
  // With one type there is nothing to tell apart, whatever the tokenizer says.
  add(tokenTypes, config.tokenTypes > 1 ? inputs.tokenTypeIds : first);
  add(positions, inputs.positionIds);
  add(taskTypes, first);
  const part = (suffix: string) => g.weight(`${names.embeddingNorm}.${suffix}`, [e]);
  const normal = g.layerNorm(
    g.reshape(sum, ['B*S', e]),
    part('weight'),
    part('bias'),
    config.layerNormEpsilon,
  );
  if (e === h) return normal;
  const addend = g.weight(`${names.projection}.bias`, [h]);
  return g.matmul(normal, g.weight(`${names.projection}.weight`, [h, e]), { transB: true, addend });
}

/** What is added to the scores of every layer: [B, 1, 1, S], or [B, heads, S, S] with a relative bias. */
function scoreBias({ g, config, inputs }: EncodeArguments, { relativeBias }: PostNormNames): Value {
  const { relativeBuckets, heads } = config;
  if (!relativeBuckets) return inputs.attentionBias;
  const table = g.weight(`${relativeBias}.weight`, [relativeBuckets, heads]);
  const byHead = g.transpose(g.gather(table, inputs.relativeBuckets), [2, 0, 1]);
  return g.add(inputs.attentionBias, byHead);
}

function encode(args: EncodeArguments, names: PostNormNames): Value {
  const { g, config, project, prefix, dropout = x => x } = args;
  const { hiddenSize: h, layers, activation, layerNormEpsilon } = config;
  const norm = (x: Value, name: string) =>
    g.layerNorm(x, g.weight(`${name}.weight`, [h]), g.weight(`${name}.bias`, [h]), layerNormEpsilon);
  let x = dropout(embed(args, names), 'hidden');
  const bias = scoreBias(args, names);
  for (let layer = 0; layer < layers; layer++) {
    const qkv = project({ g, layer, modules: ['q', 'k', 'v'], x });
    const context = attend({ g, config, qkv, bias, dropout, prefix: prefix?.(layer) });
    const [attended] = project({ g, layer, modules: ['o'], x: context });
    x = norm(g.add(dropout(attended!, 'hidden'), x), names.attentionNorm(layer));
    const [up] = project({ g, layer, modules: ['u'], x });
    const [down] = project({ g, layer, modules: ['d'], x: g[activation](up!) });
    x = norm(g.add(dropout(down!, 'hidden'), x), names.outputNorm(layer));
  }
  return x;
}

export function postNorm(names: PostNormNames): Pick<Family, 'tensors' | 'largeTables' | 'encode'> {
  return {
    tensors: config => tensorShapes(config, names),
    largeTables: [`${names.words}.weight`],
    encode: args => encode(args, names),
  };
}
