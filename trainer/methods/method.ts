/**
 * What a training method is: the tensors it trains beside the head, how they change the encoder in the step graph, and how
 * they are merged into the base's tensors. One file a method, and its lines in methods.ts.
 */
import type { EncoderConfig, TargetModule } from '../../functions/artifacts/manifests.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import type { EncodeArguments } from '../models/family.ts';
import type { Parameter } from '../parameters.ts';

/** Options of `train` that belong to methods; undefined where not given. */
export interface MethodFlags {
  rank?: number | undefined;
  alpha?: number | undefined;
  rsLora?: boolean | undefined;
  targetModules?: TargetModule[] | undefined;
  fromScratch?: boolean | undefined;
  promptTokens?: number | undefined;
  prefixTokens?: number | undefined;
  adapterSize?: number | undefined;
}

/** Where the encoder lets others in: how its linear layers are applied, its tables read, and what its attention sees. */
export type Seams = Pick<EncodeArguments, 'project' | 'lookup' | 'prefix'>;

/** The encoder as the base has it. `rounded`: its weights are not stored as floats, so nothing can be merged into them. */
export interface FrozenSeams extends Seams {
  rounded: boolean;
}

export interface AdaptArguments<Spec> {
  g: Graph;
  config: EncoderConfig;
  spec: Spec;
  /** By name. */
  parameters: ReadonlyMap<string, Value>;
}

/** One tensor of the base as training leaves it; the argument is not changed. */
export type Merge = (tensor: Float32Array) => Float32Array;

export interface MergeArguments<Spec> {
  config: EncoderConfig;
  spec: Spec;
  /** Trained values by parameter name. */
  values: ReadonlyMap<string, Float32Array>;
}

export interface Method<Spec> {
  /** Those of the options that go with it. */
  flags: readonly (keyof MethodFlags)[];
  spec(flags: MethodFlags): Spec;
  /** Peak rate where none is given. */
  learningRate: number;
  /** Whether it works over a base whose weights are rounded. */
  overRounded: boolean;
  /** Why what it trains cannot be served, after "it"; null where it is served. */
  unserved: string | null;
  /** An exported model has layers of it that nothing of the base can hold; left out: all of it is merged. */
  hasLayers?: true;
  /** Without the head's. */
  parameters(config: EncoderConfig, spec: Spec): Parameter[];
  /**
   * Seams that apply the parameters over the frozen ones. A tensor of the base that is trained itself is substituted in
   * the graph (`g.substitute`), wherever the encoder reads it.
   */
  adapt(args: AdaptArguments<Spec>, frozen: FrozenSeams): Seams;
  /** How each tensor of the base that is changed is made, by its name. */
  merge(args: MergeArguments<Spec>): ReadonlyMap<string, Merge>;
}
