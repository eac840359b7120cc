/**
 * PEFT's adapter_config.json of prompts and prefixes: how many vectors. Whatever made them in training, what is saved are the
 * vectors themselves. Fields: PEFT's PromptLearningConfig.
 */
import * as z from 'zod';
import { type EncoderConfig, VirtualSettings } from '../../functions/artifacts/manifests.ts';
import { takesPrefix } from '../../functions/artifacts/virtual-tokens.ts';
import { parsePeft, type Refuse } from './lora-config.ts';

const VirtualConfig = z.object({
  num_virtual_tokens: VirtualSettings.shape.tokens,
  num_transformer_submodules: z.literal(1).nullish(),
  num_attention_heads: z.number().nullish(),
});

export interface PeftVirtual {
  name: 'prompt' | 'prefix';
  tokens: number;
}

export function readPromptConfig(json: unknown, _config: EncoderConfig, bad: Refuse): PeftVirtual {
  return { name: 'prompt', tokens: parsePeft(VirtualConfig, json, bad).num_virtual_tokens };
}

export function readPrefixConfig(json: unknown, config: EncoderConfig, bad: Refuse): PeftVirtual {
  if (!takesPrefix(config))
    throw bad(`peft_type PREFIX_TUNING: attention of family ${config.family} has no place for a prefix`);
  const { num_virtual_tokens: tokens, num_attention_heads: heads } = parsePeft(VirtualConfig, json, bad);
  if (heads != null && heads !== config.heads)
    throw bad(`num_attention_heads is ${heads}, the base has ${config.heads}`);
  return { name: 'prefix', tokens };
}
