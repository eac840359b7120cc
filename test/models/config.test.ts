/** config.json of every family: what is read of it, and what is refused by name because it would compute something else. */
import { describe, expect, test } from 'vitest';
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import { tokenFeeds } from '../../functions/engine/token-feeds.ts';
import { familyOf } from '../../trainer/models/families.ts';
import { trainingTasks } from '../../trainer/tasks/tasks.ts';
import type { TrainOptions } from '../../trainer/train-options.ts';
import { windowOptions } from '../../trainer/window-options.ts';
import { goldenFamilies, readGolden } from './golden-family.ts';

type Json = Record<string, unknown>;

const configOf = (family: string): Json => readGolden(family).config;
const read = (family: string, changes: Json = {}) =>
  familyOf(family).readConfig({ ...configOf(family), ...changes });

/** As the checkpoint answerdotai/ModernBERT-base has it, written by transformers 4. */
const modernbert4 = {
  model_type: 'modernbert',
  attention_bias: false,
  global_attn_every_n_layers: 3,
  global_rope_theta: 160000.0,
  hidden_activation: 'gelu',
  hidden_size: 768,
  intermediate_size: 1152,
  layer_norm_eps: 1e-5,
  local_attention: 128,
  local_rope_theta: 10000.0,
  max_position_embeddings: 8192,
  mlp_bias: false,
  norm_bias: false,
  norm_eps: 1e-5,
  num_attention_heads: 12,
  num_hidden_layers: 22,
  position_embedding_type: 'absolute',
  vocab_size: 50368,
};

describe('what is read', () => {
  test.each(goldenFamilies)('%s: written back, it reads the same', family => {
    const config = read(family);
    expect(familyOf(family).readConfig(familyOf(family).writeConfig(config))).toEqual(config);
  });

  test('BERT has the fields that it always had, so that digests of bases stay', () => {
    expect(read('bert')).toEqual({
      family: 'bert',
      hiddenSize: 24,
      layers: 2,
      heads: 2,
      intermediateSize: 40,
      vocabularySize: 64,
      maxPositions: 40,
      positionOffset: 0,
      tokenTypes: 2,
      layerNormEpsilon: 1e-12,
      activation: 'gelu',
    });
  });

  test.each([
    ['roberta', 2],
    ['xlm-roberta', 2],
    ['camembert', 4],
    ['mpnet', 2],
    ['ernie_m', 2],
    ['electra', 0],
    ['distilbert', 0],
  ])('%s: positions begin at %i', (family, offset) => {
    expect(read(family).positionOffset).toBe(offset);
  });

  test('RoBERTa without pad_token_id has that of transformers', () => {
    const { pad_token_id: _, ...config } = configOf('roberta');
    expect(familyOf('roberta').readConfig(config).positionOffset).toBe(2);
  });

  test('ERNIE without use_task_id has no task types', () => {
    expect(read('ernie').taskTypes).toBe(3);
    const older = familyOf('ernie').readConfig({ ...configOf('ernie'), use_task_id: false });
    expect(older).not.toHaveProperty('taskTypes');
    expect([...familyOf('ernie').tensors(older).keys()].join()).not.toContain('task_type');
  });

  test('ELECTRA has a projection only where embeddings have a width of their own', () => {
    const names = (size: number) => [
      ...familyOf('electra')
        .tensors(read('electra', { embedding_size: size }))
        .keys(),
    ];
    expect(names(16)).toContain('embeddings_project.weight');
    expect(names(24)).not.toContain('embeddings_project.weight');
  });

  test('ModernBERT as transformers 4 and 5 write it: which layers are local, and their angles', () => {
    const old = familyOf('modernbert').readConfig(modernbert4);
    expect(old).toMatchObject({
      rotary: { global: 160_000, local: 10_000 },
      localAttention: { radius: 64, layers: [1, 2, 4, 5, 7, 8, 10, 11, 13, 14, 16, 17, 19, 20] },
      gated: true,
    });
    expect(read('modernbert').localAttention).toEqual({ radius: 3, layers: [1] });
    const sameAngles = familyOf('modernbert').readConfig({ ...modernbert4, local_rope_theta: null });
    expect(sameAngles.rotary).toEqual({ global: 160_000, local: 160_000 });
  });
});

describe('refused by name', () => {
  test('an unknown family, with the list of those that are known', () => {
    for (const model of ['deberta-v2', 'albert', 'toString', undefined, 7])
      expect(() => familyOf(model)).toThrow(
        `model_type ${JSON.stringify(model)} is not supported; known: ${goldenFamilies.join(', ')}`,
      );
  });

  test.each<[family: string, changes: Json, told: string]>([
    [
      'bert',
      { position_embedding_type: 'relative_key' },
      'position_embedding_type "relative_key" is not supported',
    ],
    ['electra', { position_embedding_type: 'relative_key_query' }, 'position_embedding_type'],
    ['roberta', { is_decoder: true }, 'is_decoder true is not supported, only false'],
    ['bert', { hidden_act: 'gelu_new' }, 'hidden_act: '],
    ['distilbert', { activation: 'silu' }, 'activation: '],
    ['modernbert', { hidden_activation: 'gelu_pytorch_tanh' }, 'hidden_activation: '],
    ['distilbert', { dim: 25 }, 'dim 25 is no multiple of n_heads 2'],
    ['distilbert', { dim: undefined }, 'dim: '],
    ['xlm-roberta', { layer_norm_eps: undefined }, 'layer_norm_eps: '],
    ['camembert', { pad_token_id: 'first' }, 'pad_token_id "first"'],
    ['electra', { embedding_size: 0 }, 'embedding_size: '],
    ['ernie', { task_type_vocab_size: -1 }, 'task_type_vocab_size: '],
    [
      'mpnet',
      { relative_attention_num_buckets: 64 },
      'relative_attention_num_buckets 64 is not supported, only 32',
    ],
    ['modernbert', { attention_bias: true }, 'attention_bias true is not supported'],
    ['modernbert', { norm_bias: true }, 'norm_bias true is not supported'],
    ['modernbert', { local_attention: 'all' }, 'local_attention: '],
    ['modernbert', { layer_types: ['full_attention'] }, 'layer_types has 1 layers, num_hidden_layers is 3'],
    ['modernbert', { layer_types: ['causal'] }, 'layer_types.0: '],
    ['modernbert', { num_attention_heads: 8 }, 'heads are 3 wide'],
    [
      'modernbert',
      { rope_parameters: { full_attention: { rope_type: 'yarn', rope_theta: 1 }, sliding_attention: { rope_theta: 1 } } },
      'rope_parameters.full_attention.rope_type: ',
    ],
    // biome-ignore format: a table
  ])('%s %j', (family, changes, told) => {
    expect(() => read(family, changes)).toThrow(`config.json: ${told}`);
  });
});

describe('windows', () => {
  const task = trainingTasks['sequence-labeling'];
  const options = (maxLength?: number) => ({ ...(maxLength ? { maxLength } : {}) }) as TrainOptions;
  const manifest = (family: string) => ({ config: read(family) }) as BaseManifest;

  test.each([
    ['bert', 40],
    ['roberta', 38],
    ['camembert', 36],
    ['mpnet', 38],
    ['ernie_m', 38],
    ['modernbert', 40],
  ])('of %s take %i tokens at most, the positions that its table has for them', (family, limit) => {
    expect(windowOptions(task, options(limit), manifest(family)).maxLength).toBe(limit);
    expect(windowOptions(task, options(), manifest(family)).maxLength).toBe(limit);
    expect(() => windowOptions(task, options(limit + 1), manifest(family))).toThrow(
      `--max-length ${limit + 1}: the base takes ${limit} tokens at most`,
    );
    const ids = new Int32Array(limit);
    const window = { ids, typeIds: ids, position: 0, first: 0, count: limit };
    const { position_ids: positions } = tokenFeeds([{ window, head: { kind: 'token' } }], read(family));
    expect(Math.max(...positions!.data)).toBe(read(family).maxPositions - 1);
  });
});

test('graphs are fed what their family reads', () => {
  const ids = new Int32Array(5);
  const rows = [
    { window: { ids, typeIds: ids, position: 0, first: 0, count: 5 }, head: { kind: 'token' } as const },
  ];
  const fed = (family: string) => Object.keys(tokenFeeds(rows, read(family))).sort();
  const all = ['attention_bias', 'input_ids', 'position_ids'];
  for (const family of ['bert', 'electra', 'ernie']) expect(fed(family)).toEqual([...all, 'token_type_ids']);
  for (const family of ['roberta', 'xlm-roberta', 'camembert', 'distilbert', 'ernie_m'])
    expect(fed(family)).toEqual(all);
  expect(fed('mpnet')).toEqual([...all, 'relative_buckets']);
  expect(fed('modernbert')).toEqual(['attention_bias', 'input_ids', 'local_bias', 'position_ids']);
});
