/**
 * RoBERTa (https://arxiv.org/abs/1907.11692), and XLM-RoBERTa and CamemBERT, which have its architecture: BERT with
 * positions that begin after the padding token's id.
 */
import { bertNames } from './bert.ts';
import { bertFields, padTokenOf, readEncoderConfig, writeEncoderConfig } from './config.ts';
import type { Family } from './family.ts';
import { postNorm } from './post-norm.ts';

const like = (family: string): Family => ({
  name: family,
  readConfig: json =>
    readEncoderConfig({ json, family, fields: bertFields, rest: { positionOffset: padTokenOf(json) + 1 } }),
  writeConfig: config => ({
    ...writeEncoderConfig(config, bertFields),
    pad_token_id: config.positionOffset - 1,
  }),
  ...postNorm(bertNames),
});

export const roberta = like('roberta');
export const xlmRoberta = like('xlm-roberta');
export const camembert = like('camembert');
