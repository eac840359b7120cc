/** ELECTRA's discriminator (https://arxiv.org/abs/2003.10555): BERT, with embeddings of a width of their own. */
import { bertNames } from './bert.ts';
import { bertFields, readEncoderConfig, writeEncoderConfig } from './config.ts';
import type { Family } from './family.ts';
import { postNorm } from './post-norm.ts';

const fields = { ...bertFields, embeddingSize: 'embedding_size' } as const;

export const electra: Family = {
  name: 'electra',
  readConfig: json => readEncoderConfig({ json, family: 'electra', fields, rest: { positionOffset: 0 } }),
  writeConfig: config => writeEncoderConfig(config, fields),
  ...postNorm({ ...bertNames, projection: 'embeddings_project' }),
};
