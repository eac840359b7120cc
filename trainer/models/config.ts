/** Reading and writing config.json of a Hugging Face directory by a table of its field names. */
import { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';

type Json = Record<string, unknown>;

/** Names in config.json of what our config has. */
export type FieldNames = Partial<Record<keyof EncoderConfig, string>>;

export const bertFields = {
  hiddenSize: 'hidden_size',
  layers: 'num_hidden_layers',
  heads: 'num_attention_heads',
  intermediateSize: 'intermediate_size',
  vocabularySize: 'vocab_size',
  maxPositions: 'max_position_embeddings',
  tokenTypes: 'type_vocab_size',
  layerNormEpsilon: 'layer_norm_eps',
  activation: 'hidden_act',
} as const satisfies FieldNames;

const { tokenTypes: _, ...withoutTokenTypes } = bertFields;
export const typelessFields = withoutTokenTypes;

interface ConfigArguments {
  json: Json;
  family: string;
  fields: FieldNames;
  /** What the family fixes, or reads in a way of its own. */
  rest: Partial<EncoderConfig>;
  /** Fields that change what the encoder computes, with the only value that can be read; absent is that value. */
  only?: Json;
}

/** None is a plain encoder with these. */
const encoderOnly = { position_embedding_type: 'absolute', is_decoder: false, add_cross_attention: false };

export function refuseConfig(problem: string): VeneerError {
  return new VeneerError('invalid_artifact', `config.json: ${problem}`);
}

export function readEncoderConfig({ json, family, fields, rest, only }: ConfigArguments): EncoderConfig {
  for (const [field, value] of Object.entries({ ...encoderOnly, ...only }))
    if (json[field] !== undefined && json[field] !== value)
      throw refuseConfig(`${field} ${JSON.stringify(json[field])} is not supported, only ${value}`);
  const read = Object.fromEntries(Object.entries(fields).map(([ours, theirs]) => [ours, json[theirs]]));
  const parsed = EncoderConfig.safeParse({ family, ...read, ...rest });
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    const key = issue?.path[0] as keyof EncoderConfig;
    throw refuseConfig(`${fields[key] ?? key}: ${issue?.message}`);
  }
  const { hiddenSize, heads } = parsed.data;
  if (hiddenSize % heads !== 0)
    throw refuseConfig(`${fields.hiddenSize} ${hiddenSize} is no multiple of ${fields.heads} ${heads}`);
  return parsed.data;
}

export function writeEncoderConfig(config: EncoderConfig, fields: FieldNames): Json {
  const entries = Object.entries(fields) as [keyof EncoderConfig, string][];
  return {
    model_type: config.family,
    ...Object.fromEntries(entries.map(([ours, theirs]) => [theirs, config[ours]])),
  };
}

/** `pad_token_id`, after which the positions of RoBERTa and its likes begin. */
export function padTokenOf({ pad_token_id: id = 1 }: Json): number {
  if (typeof id === 'number' && Number.isInteger(id) && id >= 0) return id;
  throw refuseConfig(`pad_token_id ${JSON.stringify(id)}: expected a token id`);
}
