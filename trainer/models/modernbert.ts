/**
 * ModernBERT (https://arxiv.org/abs/2412.13663): norms before attention and FFN and none of them with a bias, rotary
 * positions, GeGLU, and layers that attend to neighbours only. The checkpoint's fused Wqkv is cut into q, k and v, and the
 * biases that it lacks are zeros.
 */
import * as z from 'zod';
import { type EncoderConfig, type TargetModule, targetModules } from '../../functions/artifacts/manifests.ts';
import { familyNames, moduleWidths } from '../../functions/artifacts/modules.ts';
import type { Value } from '../graph/value.ts';
import { attend } from './attention.ts';
import { readEncoderConfig, refuseConfig, writeEncoderConfig } from './config.ts';
import type { EncodeArguments, Family, FusedModules, MadeTensor } from './family.ts';
import { cosines, rotate, sines } from './rotary.ts';

const fields = {
  hiddenSize: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  intermediateSize: 'intermediate_size',
  vocabularySize: 'vocab_size',
  maxPositions: 'max_position_embeddings',
  layerNormEpsilon: 'norm_eps',
  activation: 'hidden_activation',
} as const;
const fixed = { positionOffset: 0, tokenTypes: 0, gated: true } as const;
const only = { attention_bias: false, mlp_bias: false, norm_bias: false };

const Rope = z.object({
  rope_type: z.literal('default').default('default'),
  rope_theta: z.number().positive(),
});
/** How transformers 4 (thetas, a period) and 5 (a kind by layer) write it, with transformers' defaults. */
const Attention = z.object({
  local_attention: z.number().int().min(2).default(128),
  global_attn_every_n_layers: z.number().int().positive().default(3),
  layer_types: z.array(z.enum(['full_attention', 'sliding_attention'])).optional(),
  global_rope_theta: z.number().positive().default(160_000),
  local_rope_theta: z.number().positive().nullable().default(10_000),
  rope_parameters: z.object({ full_attention: Rope, sliding_attention: Rope }).optional(),
});

function readConfig(json: Record<string, unknown>): EncoderConfig {
  const parsed = Attention.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw refuseConfig(`${issue?.path.join('.')}: ${issue?.message}`);
  }
  const { rope_parameters: ropes, ...attention } = parsed.data;
  const global = ropes?.full_attention.rope_theta ?? attention.global_rope_theta;
  const local = ropes?.sliding_attention.rope_theta ?? attention.local_rope_theta ?? global;
  const radius = Math.floor(attention.local_attention / 2);
  const base = { ...fixed, rotary: { global, local }, localAttention: { radius, layers: [] } };
  const config = readEncoderConfig({ json, family: 'modernbert', fields, rest: base, only });
  const width = config.hiddenSize / config.heads;
  if (width % 2 !== 0)
    throw refuseConfig(`heads are ${width} wide: rotary positions turn pairs, which needs an even width`);
  const types = attention.layer_types;
  if (types && types.length !== config.layers)
    throw refuseConfig(`layer_types has ${types.length} layers, num_hidden_layers is ${config.layers}`);
  const isLocal = (layer: number) =>
    types ? types[layer] === 'sliding_attention' : layer % attention.global_attn_every_n_layers !== 0;
  const layers = Array.from({ length: config.layers }, (_, layer) => layer).filter(isLocal);
  return { ...config, localAttention: { radius, layers } };
}

function writeConfig(config: EncoderConfig): Record<string, unknown> {
  const { rotary, localAttention, layers } = config;
  const rope = (theta: number) => ({ rope_type: 'default', rope_theta: theta });
  return {
    ...writeEncoderConfig(config, fields),
    ...only,
    local_attention: 2 * localAttention!.radius,
    layer_types: Array.from({ length: layers }, (_, layer) =>
      localAttention!.layers.includes(layer) ? 'sliding_attention' : 'full_attention',
    ),
    rope_parameters: { full_attention: rope(rotary!.global), sliding_attention: rope(rotary!.local) },
  };
}

const fused: FusedModules = { modules: ['q', 'k', 'v'], path: layer => `layers.${layer}.attn.Wqkv` };
const { module: modulePath } = familyNames('modernbert');
const words = 'embeddings.tok_embeddings.weight';
/** The first layer's attention reads the embeddings, which are normalized. */
const norms = ({ layers }: EncoderConfig) => [
  'embeddings.norm',
  ...Array.from({ length: layers }, (_, i) => [
    ...(i > 0 ? [`layers.${i}.attn_norm`] : []),
    `layers.${i}.mlp_norm`,
  ]).flat(),
  'final_norm',
];
const ropeTables = ['global', 'local'] as const;
const ropeTable = (kind: (typeof ropeTables)[number], part: 'cos' | 'sin') => `rotary.${kind}.${part}`;

function tensors(config: EncoderConfig): Map<string, readonly number[]> {
  const { hiddenSize: h, heads, layers, vocabularySize, maxPositions } = config;
  const shapes = new Map<string, readonly number[]>([[words, [vocabularySize, h]]]);
  for (const kind of ropeTables)
    for (const part of ['cos', 'sin'] as const)
      shapes.set(ropeTable(kind, part), [maxPositions, h / heads / 2]);
  for (const name of norms(config)) for (const part of ['weight', 'bias']) shapes.set(`${name}.${part}`, [h]);
  for (let layer = 0; layer < layers; layer++)
    for (const module of targetModules) {
      const widths = moduleWidths(config, module);
      shapes.set(`${modulePath(layer, module)}.weight`, [widths.out, widths.in]);
      shapes.set(`${modulePath(layer, module)}.bias`, [widths.out]);
    }
  return shapes;
}

function made(config: EncoderConfig): Map<string, MadeTensor> {
  const { hiddenSize: h, heads, layers, maxPositions, rotary } = config;
  const tensors = new Map<string, MadeTensor>();
  const zeros = (name: string, length: number) =>
    tensors.set(name, { values: () => new Float32Array(length) });
  for (const kind of ropeTables) {
    const shape = { positions: maxPositions, width: h / heads, theta: rotary![kind] };
    tensors.set(ropeTable(kind, 'cos'), { values: () => cosines(shape) });
    tensors.set(ropeTable(kind, 'sin'), { values: () => sines(shape) });
  }
  for (const name of norms(config)) zeros(`${name}.bias`, h);
  for (let layer = 0; layer < layers; layer++) {
    for (const module of targetModules)
      zeros(`${modulePath(layer, module)}.bias`, moduleWidths(config, module).out);
    fused.modules.forEach((module, i) => {
      const rows = { rowsOf: `${fused.path(layer)}.weight`, from: i * h, total: fused.modules.length * h };
      tensors.set(`${modulePath(layer, module)}.weight`, rows);
    });
  }
  return tensors;
}

function encode({ g, config, inputs, project, lookup, dropout = x => x }: EncodeArguments): Value {
  const {
    hiddenSize: h,
    heads,
    layers,
    intermediateSize,
    activation,
    layerNormEpsilon,
    maxPositions,
  } = config;
  const one = (layer: number, module: TargetModule, x: Value) =>
    project({ g, layer, modules: [module], x })[0]!;
  const norm = (x: Value, name: string) =>
    g.layerNorm(x, g.weight(`${name}.weight`, [h]), g.weight(`${name}.bias`, [h]), layerNormEpsilon);
  const table = (kind: (typeof ropeTables)[number], part: 'cos' | 'sin') =>
    g.gather(g.weight(ropeTable(kind, part), [maxPositions, h / heads / 2]), inputs.positionIds);
  const kinds = {
    global: { cos: table('global', 'cos'), sin: table('global', 'sin'), bias: inputs.attentionBias },
    local: {
      ...{ cos: table('local', 'cos'), sin: table('local', 'sin') },
      bias: g.add(inputs.attentionBias, inputs.localBias),
    },
  };
  const word = { g, name: words, rows: config.vocabularySize, width: h, indices: inputs.inputIds };
  const embedded = norm(g.reshape(lookup({ ...word, role: 'table' }), ['B*S', h]), 'embeddings.norm');
  let x = dropout(embedded, 'hidden');
  for (let layer = 0; layer < layers; layer++) {
    const kind = kinds[config.localAttention!.layers.includes(layer) ? 'local' : 'global'];
    const attended = layer > 0 ? norm(x, `layers.${layer}.attn_norm`) : x;
    const qkv = project({ g, layer, modules: fused.modules, x: attended });
    const context = attend({ g, config, qkv, bias: kind.bias, rotate: y => rotate(g, y, kind), dropout });
    x = g.add(x, dropout(one(layer, 'o', context), 'hidden'));
    const up = one(layer, 'u', norm(x, `layers.${layer}.mlp_norm`));
    const [open, gate] = g.split(up, 1, [intermediateSize, intermediateSize]) as [Value, Value];
    x = g.add(x, dropout(one(layer, 'd', g.mul(g[activation](open), gate)), 'hidden'));
  }
  return norm(x, 'final_norm');
}

export const modernbert: Family = {
  name: 'modernbert',
  readConfig,
  writeConfig,
  tensors,
  made,
  fused,
  largeTables: [words],
  encode,
};
