/**
 * The masked-language heads of checkpoints, by names in them: decoder(norm(activation(dense(x)))) + bias over the
 * vocabulary, whose decoder is the table of words.
 */
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';

export interface MaskedHead {
  /** Linear layer and LayerNorm, without `.weight` and `.bias`. */
  dense: string;
  norm: string;
  /** A value a word. */
  bias: string;
  /** Where a checkpoint repeats the table of words. */
  decoder: string;
  /** Left out: the encoder's. */
  activation?: 'gelu';
}

const bert: MaskedHead = {
  dense: 'cls.predictions.transform.dense',
  norm: 'cls.predictions.transform.LayerNorm',
  bias: 'cls.predictions.bias',
  decoder: 'cls.predictions.decoder.weight',
};
const roberta: MaskedHead = {
  dense: 'lm_head.dense',
  norm: 'lm_head.layer_norm',
  bias: 'lm_head.bias',
  decoder: 'lm_head.decoder.weight',
  activation: 'gelu',
};

const heads: Record<string, MaskedHead> = {
  bert,
  ernie: bert,
  roberta,
  'xlm-roberta': roberta,
  camembert: roberta,
  mpnet: roberta,
};

export function maskedHead({ family, hiddenSize: h, embeddingSize: e = h }: EncoderConfig) {
  return e === h ? heads[family] : undefined;
}

/** Shapes of its tensors by name, but for the decoder. */
export function maskedTensors(
  { dense, norm, bias }: MaskedHead,
  { hiddenSize: h, vocabularySize }: EncoderConfig,
): Map<string, readonly number[]> {
  return new Map([
    [`${dense}.weight`, [h, h]],
    [`${dense}.bias`, [h]],
    [`${norm}.weight`, [h]],
    [`${norm}.bias`, [h]],
    [bias, [vocabularySize]],
  ]);
}
