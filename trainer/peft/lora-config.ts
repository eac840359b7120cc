/**
 * PEFT's adapter_config.json of LoRA: rank, scale, and which layers of the base it adapts. What would make the adapter compute
 * something that is not W x + alpha / rank * B A x is refused. Fields: PEFT's LoraConfig.
 */
import * as z from 'zod';
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import type { VeneerError } from '../../functions/error.ts';
import { peftLayers } from './layers.ts';
import { matcher, Names } from './names.ts';

const PeftConfig = z.object({
  r: z.number(),
  lora_alpha: z.number(),
  use_rslora: z.boolean().nullish(),
  bias: z.string().nullish(),
  target_modules: Names,
  exclude_modules: Names.nullish(),
  layers_to_transform: z.union([z.int(), z.array(z.int())]).nullish(),
  rank_pattern: z.record(z.string(), z.number()).nullish(),
  alpha_pattern: z.record(z.string(), z.number()).nullish(),
  init_lora_weights: z.union([z.boolean(), z.string()]).nullish(),
});

/** Fields that change what the adapter computes, or what it is added to, unless they say nothing. */
const unsupported = [
  'use_dora',
  'lora_bias',
  'use_qalora',
  'use_bdlora',
  'kasa_config',
  'monteclora_config',
  'arrow_config',
  'alora_invocation_tokens',
  'target_parameters',
  'trainable_token_indices',
  'layer_replication',
];
/** Other ways to begin take something out of the base's weights, which the base here still has. */
const plainInitializations: (boolean | string)[] = [true, false, 'gaussian', 'eva', 'orthogonal'];

const ranks = { min: 1, max: 64 };

export interface PeftLora {
  name: 'lora';
  rank: number;
  /** The update is scaled by alpha / rank, rank-stabilized LoRA included. */
  alpha: number;
  /** Whether PEFT adapts this layer, by number and name; undefined where that takes Python's regular expressions to tell. */
  targets(layer: number, path: string): boolean | undefined;
}

/** What is wrong with the file. */
export type Refuse = (problem: string) => VeneerError;

/** @throws VeneerError naming the field that is not what the schema says. */
export function parsePeft<T>(schema: z.ZodType<T>, json: unknown, bad: Refuse): T {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw bad(`${issue?.path.join('.') || 'document'}: ${issue?.message}`);
}

export function readLoraConfig(json: unknown, config: EncoderConfig, bad: Refuse): PeftLora {
  const peft = parsePeft(PeftConfig, json, bad);
  for (const field of unsupported) {
    const value = (json as Record<string, unknown>)[field];
    if (!saysNothing(value)) throw bad(`${field} is set, which cannot be served: train with plain LoRA`);
  }
  const { r: rank, lora_alpha: alpha, bias, init_lora_weights: start } = peft;
  if (bias && bias !== 'none')
    throw bad(`bias is ${bias}: only none can be served, biases belong to the base`);
  if (start !== null && start !== undefined && !plainInitializations.includes(start))
    throw bad(
      `init_lora_weights is ${start}, which changes the base's weights: convert it to plain LoRA (save_pretrained with path_initial_model_for_weight_conversion)`,
    );
  if (!Number.isInteger(rank) || rank < ranks.min || rank > ranks.max)
    throw bad(`r is ${rank}: ranks from ${ranks.min} to ${ranks.max} can be served`);
  if (!(alpha > 0)) throw bad(`lora_alpha is ${alpha}: it must be above 0`);
  for (const [field, pattern, same] of [
    ['rank_pattern', peft.rank_pattern, rank],
    ['alpha_pattern', peft.alpha_pattern, alpha],
  ] as const)
    for (const [key, value] of Object.entries(pattern ?? {}))
      if (value !== same)
        throw bad(`${field} gives ${key} ${value}, the others have ${same}: all layers must have the same`);
  return {
    name: 'lora',
    rank,
    // Rank-stabilized LoRA scales by alpha / sqrt(rank).
    alpha: peft.use_rslora ? alpha * Math.sqrt(rank) : alpha,
    targets: targetsOf(peft, config, bad),
  };
}

function saysNothing(value: unknown): boolean {
  return !value || (typeof value === 'object' && Object.keys(value).length === 0);
}

function targetsOf(
  peft: z.infer<typeof PeftConfig>,
  { family, layers }: EncoderConfig,
  bad: Refuse,
): PeftLora['targets'] {
  const chosen = peft.layers_to_transform ?? undefined;
  const chosenLayers = chosen === undefined ? undefined : [chosen].flat();
  const beyond = chosenLayers?.find(layer => layer < 0 || layer >= layers);
  if (beyond !== undefined)
    throw bad(`layers_to_transform has ${beyond}, the base has layers 0 to ${layers - 1}`);
  const included = matcher(peft.target_modules);
  const excluded = matcher(peft.exclude_modules ?? []);
  const first = peftLayers(family, 0);
  if (Array.isArray(peft.target_modules))
    for (const target of peft.target_modules) {
      const only = matcher([target]);
      const known = Array.from({ length: layers }, (_, layer) =>
        peftLayers(family, layer).some(({ path }) => only(path)),
      ).some(Boolean);
      if (!known)
        throw bad(
          `target_modules has ${target}, which cannot be served: only ${first.map(({ path }) => path.slice(path.indexOf('.') + 1)).join(', ')} and their likes in other layers`,
        );
    }
  return (layer, path) => {
    if (chosenLayers && !chosenLayers.includes(layer)) return false;
    const [inside, outside] = [included(path), excluded(path)];
    if (inside === false || outside === true) return false;
    return inside === undefined || outside === undefined ? undefined : true;
  };
}
