/** ERNIE-M (https://arxiv.org/abs/2012.15674), as transformers 4 has it: no token types, positions from 2. */
import { readEncoderConfig, typelessFields, writeEncoderConfig } from './config.ts';
import type { Family } from './family.ts';
import { postNorm } from './post-norm.ts';

export const ernieM: Family = {
  name: 'ernie_m',
  readConfig: json =>
    readEncoderConfig({
      json,
      family: 'ernie_m',
      fields: typelessFields,
      rest: { positionOffset: 2, tokenTypes: 0 },
    }),
  writeConfig: config => writeEncoderConfig(config, typelessFields),
  ...postNorm({
    words: 'embeddings.word_embeddings',
    positions: 'embeddings.position_embeddings',
    embeddingNorm: 'embeddings.layer_norm',
    attentionNorm: layer => `encoder.layers.${layer}.norm1`,
    outputNorm: layer => `encoder.layers.${layer}.norm2`,
  }),
};
