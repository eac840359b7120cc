/** MPNet (https://arxiv.org/abs/2004.09297): positions as RoBERTa's, and a bias by distance that all layers share. */
import { readEncoderConfig, typelessFields, writeEncoderConfig } from './config.ts';
import type { Family } from './family.ts';
import { postNorm } from './post-norm.ts';

const fields = { ...typelessFields, relativeBuckets: 'relative_attention_num_buckets' } as const;
/** Transformers' MPNetModel has both in the code: its buckets are 32 whatever config.json says. */
const padToken = 1;
const buckets = 32;

export const mpnet: Family = {
  name: 'mpnet',
  readConfig: json =>
    readEncoderConfig({
      json,
      family: 'mpnet',
      fields,
      rest: { positionOffset: padToken + 1, tokenTypes: 0, relativeBuckets: buckets },
      only: { [fields.relativeBuckets]: buckets },
    }),
  writeConfig: config => writeEncoderConfig(config, fields),
  ...postNorm({
    words: 'embeddings.word_embeddings',
    positions: 'embeddings.position_embeddings',
    embeddingNorm: 'embeddings.LayerNorm',
    relativeBias: 'encoder.relative_attention_bias',
    attentionNorm: layer => `encoder.layer.${layer}.attention.LayerNorm`,
    outputNorm: layer => `encoder.layer.${layer}.output.LayerNorm`,
  }),
};
