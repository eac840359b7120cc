/**
 * What a family of encoders is: how its config.json reads, which tensors it needs, and its forward pass as a graph.
 * One file and one line in `families.ts` each.
 */
import type { EncoderConfig, TargetModule } from '../../functions/artifacts/manifests.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';

/** Inputs that encoder graphs can read (functions/engine/batch.ts). B rows, S tokens with special tokens and padding. */
export interface EncoderInputs {
  /** int32 [B, S] */
  inputIds: Value;
  /** int32 [B, S]; for families with more than one token type. */
  tokenTypeIds: Value;
  /** int32 [S] */
  positionIds: Value;
  /** float32 [B, 1, 1, S]: 0 for a token, a large negative number for padding. Added to attention scores. */
  attentionBias: Value;
  /** int32 [S, S]: the bucket of the distance from a query to a key; for families with a relative bias. */
  relativeBuckets: Value;
  /** float32 [1, 1, S, S]: 0 for keys near a query, a large negative number beyond; for families with local layers. */
  localBias: Value;
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
  /** Whether x was changed, so that it can be lower than what the layer before gives: a rounded base must know. */
  signed?: boolean;
}) => Value[];

/**
 * Rows of an embedding table [rows, width] by indices. `role`: a large table, which a precision may store in 8 bits, or a
 * small one.
 */
export type Lookup = (args: {
  g: Graph;
  name: string;
  rows: number;
  width: number;
  indices: Value;
  role: 'table' | 'plain';
}) => Value;

export const tableLookup: Lookup = ({ g, name, rows, width, indices }) =>
  g.gather(g.weight(name, [rows, width]), indices);

/** What every head of a layer sees beside the tokens of its row: trained keys and values (prefix tuning). */
export interface Prefix {
  /** [N, heads, P, width] each, or [1, heads, P, width] for the same in all rows. */
  keys: Value;
  values: Value;
  /** Rows of the batch that have one, and what is added to the scores of its vectors [N, 1, 1, P]; left out: all of them. */
  rows?: { places: Value; bias: Value };
}

/** A tensor that a checkpoint does not hold under its name: so many rows of one that it does hold, or values of our own. */
export type MadeTensor = { rowsOf: string; from: number; total: number } | { values: () => Float32Array };

/** Target modules that the Hugging Face model has as one linear layer, one below the other. */
export interface FusedModules {
  modules: readonly TargetModule[];
  path(layer: number): string;
}

export interface Family {
  name: string;
  /** @throws VeneerError `invalid_artifact` naming the field of config.json that is missing or not supported. */
  readConfig(config: Record<string, unknown>): EncoderConfig;
  /** The config as config.json has it, for exports. */
  writeConfig(config: EncoderConfig): Record<string, unknown>;
  /** Tensors the encoder needs, by name without the task prefix, with their shapes. */
  tensors(config: EncoderConfig): Map<string, readonly number[]>;
  /** Those of them that are made when a base is built. */
  made?(config: EncoderConfig): Map<string, MadeTensor>;
  fused?: FusedModules;
  /** Names of the tables that `lookup` is asked for with role `table`. */
  largeTables: readonly string[];
  /** Final hidden states [B*S, hidden]. */
  encode(args: EncodeArguments): Value;
}

/** Drops elements in training; `attention`: of probabilities, `hidden`: of anything else. */
export type Dropout = (x: Value, kind: 'hidden' | 'attention') => Value;

export interface EncodeArguments {
  g: Graph;
  config: EncoderConfig;
  inputs: EncoderInputs;
  project: Project;
  lookup: Lookup;
  /** By layer; for families that `takesPrefix` (functions/artifacts/virtual-tokens.ts). */
  prefix?: ((layer: number) => Prefix) | undefined;
  /** Applied to the embeddings, to attention probabilities, and to what each sublayer adds. */
  dropout?: Dropout;
}

/** An engine is fed those that the graph reads. */
export function encoderInputs(g: Graph): EncoderInputs {
  return {
    inputIds: g.input('input_ids', ['B', 'S'], 'int32'),
    tokenTypeIds: g.input('token_type_ids', ['B', 'S'], 'int32'),
    positionIds: g.input('position_ids', ['S'], 'int32'),
    attentionBias: g.input('attention_bias', ['B', 1, 1, 'S']),
    relativeBuckets: g.input('relative_buckets', ['S', 'S'], 'int32'),
    localBias: g.input('local_bias', [1, 1, 'S', 'S']),
  };
}
