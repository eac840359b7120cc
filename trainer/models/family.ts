/**
 * What a family of encoders is: how its config.json reads, which tensors it needs, and its forward pass as a graph.
 * One file and one line in `families.ts` each.
 */
import type { EncoderConfig, TargetModule } from '../../functions/artifacts/manifests.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';

/** Inputs of every encoder graph. B rows, S tokens with special tokens and padding. */
export interface EncoderInputs {
  /** int32 [B, S] */
  inputIds: Value;
  /** int32 [B, S] */
  tokenTypeIds: Value;
  /** int32 [S] */
  positionIds: Value;
  /** float32 [B, 1, 1, S]: 0 for a token, a large negative number for padding. Added to attention scores. */
  attentionBias: Value;
}

/**
 * Applies linear layers that read the same x [B*S, in], each giving [B*S, out], with whatever adapts them. The encoder
 * does not know whether an adapter is merged into the weight (training) or added per row (serving).
 */
export type Project = (args: {
  g: Graph;
  layer: number;
  modules: readonly TargetModule[];
  x: Value;
}) => Value[];

export interface Family {
  name: string;
  /** @throws VeneerError `invalid_artifact` naming the field of config.json that is missing or not supported. */
  readConfig(config: Record<string, unknown>): EncoderConfig;
  /** Tensors the encoder needs, by name without the task prefix, with their shapes. */
  tensors(config: EncoderConfig): Map<string, readonly number[]>;
  /** Final hidden states [B*S, hidden]. */
  encode(args: { g: Graph; config: EncoderConfig; inputs: EncoderInputs; project: Project }): Value;
}

export function encoderInputs(g: Graph): EncoderInputs {
  return {
    inputIds: g.input('input_ids', ['B', 'S'], 'int32'),
    tokenTypeIds: g.input('token_type_ids', ['B', 'S'], 'int32'),
    positionIds: g.input('position_ids', ['S'], 'int32'),
    attentionBias: g.input('attention_bias', ['B', 1, 1, 'S']),
  };
}
