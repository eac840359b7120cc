/** Schemas of the two manifests (formatVersion 1): what a base is, and what an adapter version is. Data only. */
import * as z from 'zod/mini';
import { BaseName, Digest, TaskName } from './names.ts';

const FileRef = z.object({ sha256: Digest, bytes: z.int().check(z.nonnegative()) });
export type FileRef = z.infer<typeof FileRef>;

/** A linear layer of an encoder layer: query, key, value, attention output, FFN up, FFN down. */
export const targetModules = ['q', 'k', 'v', 'o', 'u', 'd'] as const;
export const TargetModule = z.enum(targetModules);
export type TargetModule = z.infer<typeof TargetModule>;

/** What of the last hidden states makes one vector of a row. */
export const poolings = ['mean', 'cls'] as const;
const Pooling = z.enum(poolings);
export type Pooling = z.infer<typeof Pooling>;

/**
 * A head turns hidden states [batch, tokens, hidden] into logits.
 * `pooled`: one vector a row (mean over tokens, or the first token), through dense + activation where `dense` (modules.ts),
 * then linear.
 * `token`: linear on every token.
 */
export const Head = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('pooled'),
    pooling: Pooling,
    dense: z.boolean(),
  }),
  z.object({ kind: z.literal('token') }),
]);
export type Head = z.infer<typeof Head>;

const count = z.int().check(z.positive());

/** Fields that few families have are left out elsewhere: the digest of a base covers this. */
export const EncoderConfig = z.object({
  family: z.string(),
  hiddenSize: count,
  layers: count,
  heads: count,
  intermediateSize: count,
  vocabularySize: count,
  maxPositions: count,
  /** Position id of the first token: 0 for BERT, padId + 1 for RoBERTa. */
  positionOffset: z.int().check(z.nonnegative()),
  /** Rows of the token type table; 0 where there is none. */
  tokenTypes: z.int().check(z.nonnegative()),
  layerNormEpsilon: z.number().check(z.positive()),
  activation: z.enum(['gelu', 'relu']),
  /** Width of the embedding tables, where it is not the hidden size (ELECTRA). */
  embeddingSize: z.optional(count),
  /** Rows of the task type table (ERNIE 3.0), the first of which every token gets. */
  taskTypes: z.optional(count),
  /** Buckets of distances that attention has a learned bias for (MPNet). */
  relativeBuckets: z.optional(count),
  /** The FFN multiplies its activation with a gate, both from module `u` (ModernBERT). */
  gated: z.optional(z.literal(true)),
  /** Rotary positions: the base of their wavelengths, in layers that see everything and in local ones (ModernBERT). */
  rotary: z.optional(
    z.object({ global: z.number().check(z.positive()), local: z.number().check(z.positive()) }),
  ),
  /** Layers whose tokens see no farther than `radius` tokens to each side (ModernBERT). */
  localAttention: z.optional(z.object({ radius: count, layers: z.array(z.int().check(z.nonnegative())) })),
});
export type EncoderConfig = z.infer<typeof EncoderConfig>;

/** A score, 0 to 1, of the frozen base in float32 and in the precision that it is served in. */
const Probe = z.object({ metric: z.string(), float32: z.number(), served: z.number() });
export const Probes = z.object({
  classification: Probe,
  sequenceLabeling: Probe,
  questionAnswering: Probe,
});
export type Probes = z.infer<typeof Probes>;

export const BaseManifest = z.object({
  formatVersion: z.literal(1),
  name: BaseName,
  /**
   * What an adapter depends on: digest of the encoder config, the tokenizer and the source weights. Graphs and precision
   * can be rebuilt without orphaning adapters.
   */
  digest: Digest,
  config: EncoderConfig,
  /** How the checkpoint was trained to pool, from 1_Pooling/config.json or what the checkpoint has (trainer/base/build.ts). */
  pooling: Pooling,
  /** How `weights` are stored and computed with in serving. */
  precision: z.enum(['fp32', 'int8', 'int8-block']),
  /** Against float32 on sample texts: cosine of the pooled final hidden state. */
  fidelity: z.object({ cosineMean: z.number(), cosineMin: z.number() }),
  /** What the precision costs in task quality, on example data; missing where it was not measured. */
  probes: z.optional(Probes),
  /** `source` is tokenizer.json; its digest is the tokenizer digest. `compiled` is what is mapped at start. */
  tokenizer: z.object({ source: FileRef, compiled: FileRef }),
  weights: FileRef,
  /** The same in float32, which training starts from; the serving side never fetches it. */
  trainingWeights: FileRef,
  /** Serving graphs by `<head>.<modules>`, e.g. `pooled.qv2`. All share the weights file. */
  graphs: z.record(z.string(), FileRef),
  licence: z.string(),
  source: z.object({ location: z.string(), sha256: Digest }),
});
export type BaseManifest = z.infer<typeof BaseManifest>;

/** What classification learns: one label a text, any number of labels, or a number. */
export const problems = ['single-label', 'multi-label', 'regression'] as const;
export const Problem = z.enum(problems);
export type Problem = z.infer<typeof Problem>;

function distinctModules<Module extends TargetModule>(modules: readonly Module[]) {
  return z.array(z.enum(modules)).check(
    z.minLength(1),
    z.refine(given => new Set(given).size === given.length, 'a module is there twice'),
  );
}

export const Metrics = z.record(z.string(), z.number());
export type Metrics = z.infer<typeof Metrics>;

export const LoraSettings = z.object({
  rank: z.int().check(z.minimum(1), z.maximum(64)),
  alpha: z.number().check(z.positive()),
  targetModules: distinctModules(targetModules),
});
export type LoraSettings = z.infer<typeof LoraSettings>;

/** Modules whose trained vector scales what they give (k, v) or what they read (o, d). */
export const ia3Modules = ['k', 'v', 'o', 'd'] as const;
export const Ia3Settings = z.object({ targetModules: distinctModules(ia3Modules) });
export type Ia3Settings = z.infer<typeof Ia3Settings>;

/** Of a prompt or a prefix. */
export const VirtualSettings = z.object({ tokens: z.int().check(z.minimum(1), z.maximum(256)) });

/** What of the encoder an adapter changes; a manifest has one of these. */
const methods = {
  lora: z.optional(LoraSettings),
  ia3: z.optional(Ia3Settings),
  prompt: z.optional(VirtualSettings),
  prefix: z.optional(VirtualSettings),
};
export const servedMethods = Object.keys(methods) as (keyof typeof methods)[];

/** Everything but the rule that one method is there. */
export const AdapterFields = z.object({
  formatVersion: z.literal(1),
  task: TaskName,
  problem: z._default(Problem, 'single-label'),
  /** Class labels, or IOB2 tags, in the order of the logits; `start` and `end` for question answering; `LABEL_0` for regression. */
  labels: z.array(z.string()).check(z.minLength(1), z.maxLength(10_000)),
  base: z.object({ name: BaseName, digest: Digest, tokenizer: Digest }),
  /** Tokens of one window, special tokens counted, and tokens that neighbouring windows share. */
  maxLength: z.int().check(z.minimum(8)),
  stride: z.int().check(z.nonnegative()),
  ...methods,
  head: Head,
  /** Multi-label: the score from which a label counts as given, the best one on dev; left out: 0.5. */
  threshold: z.optional(z.number().check(z.minimum(0), z.maximum(1))),
  /** Classification: whether it learned from pairs of texts; left out: not known. */
  pair: z.optional(z.boolean()),
  /** Question answering: whether it learned from questions without an answer, and so may answer "none". */
  unanswerable: z.boolean(),
  quantization: z.enum(['int8', 'float16', 'float32']),
  /** `trained`: float32 adapter. `served`: the stored tensors. Both through the served path. */
  metrics: z.object({ trained: Metrics, served: Metrics }),
  training: z.object({
    config: z.record(z.string(), z.unknown()),
    seed: z.int(),
    engine: z.string(),
    dataset: Digest,
  }),
  files: z.object({ 'adapter.safetensors': FileRef }),
});

export const AdapterManifest = AdapterFields.check(
  z.refine(fields => servedMethods.filter(method => fields[method] !== undefined).length === 1, {
    path: ['lora'],
    error: `exactly one of ${servedMethods.join(', ')} must be there`,
  }),
);
export type AdapterManifest = z.infer<typeof AdapterManifest>;

/** A version that answers this share of an alias's requests. */
export const Canary = z.object({ digest: Digest, percent: z.number().check(z.gt(0), z.lt(100)) });
export type Canary = z.infer<typeof Canary>;

export const Alias = z.object({
  digest: Digest,
  previous: z.nullable(Digest),
  updatedAt: z.iso.datetime(),
  canary: z.optional(Canary),
  /** A version that is asked as well, whose answers are compared and never sent. */
  shadow: z.optional(Digest),
});
export type Alias = z.infer<typeof Alias>;

export const scopes = ['predict', 'push', 'admin'] as const;
export type Scope = (typeof scopes)[number];

const perMinute = z.nullable(z.int().check(z.positive()));
/** What one key may ask for; null is without a limit of its own. */
export const Rate = z.object({ requestsPerMinute: perMinute, tokensPerMinute: perMinute });
export type Rate = z.infer<typeof Rate>;

export const ApiKeyRecord = z.object({
  tenant: z.string(),
  scopes: z.array(z.enum(scopes)),
  createdAt: z.iso.datetime(),
  expiresAt: z.nullable(z.iso.datetime()),
  /** SHA-256 of the key. Records from before it was kept here have it in their name alone. */
  hash: z.optional(Digest),
  /** Left out: what the server gives to every key. */
  rate: z.optional(Rate),
});
export type ApiKeyRecord = z.infer<typeof ApiKeyRecord>;
