/** BERT (https://arxiv.org/abs/1810.04805), as transformers' BertModel without its pooler. */
import { bertFields, readEncoderConfig, writeEncoderConfig } from './config.ts';
import type { Family } from './family.ts';
import { type PostNormNames, postNorm } from './post-norm.ts';

export const bertNames: PostNormNames = {
  words: 'embeddings.word_embeddings',
  positions: 'embeddings.position_embeddings',
  tokenTypes: 'embeddings.token_type_embeddings',
  embeddingNorm: 'embeddings.LayerNorm',
  attentionNorm: layer => `encoder.layer.${layer}.attention.output.LayerNorm`,
  outputNorm: layer => `encoder.layer.${layer}.output.LayerNorm`,
};

export const bert: Family = {
  name: 'bert',
  readConfig: json =>
    readEncoderConfig({ json, family: 'bert', fields: bertFields, rest: { positionOffset: 0 } }),
  writeConfig: config => writeEncoderConfig(config, bertFields),
  ...postNorm(bertNames),
};
