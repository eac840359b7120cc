/** DistilBERT (https://arxiv.org/abs/1910.01108): BERT without token types, under other names. */
import { readEncoderConfig, writeEncoderConfig } from './config.ts';
import type { Family } from './family.ts';
import { postNorm } from './post-norm.ts';

const fields = {
  hiddenSize: 'dim',
  layers: 'n_layers',
  heads: 'n_heads',
  intermediateSize: 'hidden_dim',
  vocabularySize: 'vocab_size',
  maxPositions: 'max_position_embeddings',
  activation: 'activation',
} as const;
/** Transformers has it in the code. */
const fixed = { positionOffset: 0, tokenTypes: 0, layerNormEpsilon: 1e-12 };

export const distilbert: Family = {
  name: 'distilbert',
  readConfig: json => readEncoderConfig({ json, family: 'distilbert', fields, rest: fixed }),
  writeConfig: config => writeEncoderConfig(config, fields),
  ...postNorm({
    words: 'embeddings.word_embeddings',
    positions: 'embeddings.position_embeddings',
    embeddingNorm: 'embeddings.LayerNorm',
    attentionNorm: layer => `transformer.layer.${layer}.sa_layer_norm`,
    outputNorm: layer => `transformer.layer.${layer}.output_layer_norm`,
  }),
};
