/** Adapters of random numbers and rows that they read, for tests of the engine: any rank, modules, labels, head and form. */
import {
  type FloatTensor,
  type ResidentAdapter,
  readAdapter,
  writeAdapter,
} from '../../functions/artifacts/adapter.ts';
import type {
  AdapterManifest,
  EncoderConfig,
  Head,
  TargetModule,
} from '../../functions/artifacts/manifests.ts';
import {
  headNames,
  ia3Name,
  ia3Shape,
  loraNames,
  moduleWidths,
  virtualName,
} from '../../functions/artifacts/modules.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import type { Row } from '../../functions/engine/engine.ts';
import { uniform } from '../../trainer/random.ts';

export interface AdapterSpec {
  seed: number;
  rank: number;
  modules: readonly TargetModule[];
  labels: number;
  head: Head;
  quantization: AdapterManifest['quantization'];
  /** In place of LoRA. */
  method?: Pick<AdapterManifest, 'ia3' | 'prompt' | 'prefix'>;
}

/** The float tensors of an adapter, by their stored names. */
export function adapterTensors(config: EncoderConfig, spec: AdapterSpec): Map<string, FloatTensor> {
  const tensors = new Map<string, FloatTensor>();
  const add = (name: string, ...shape: number[]) => {
    const size = shape.reduce((a, b) => a * b, 1);
    const stream = tensors.size;
    const draw = (_: unknown, i: number) => (uniform({ seed: spec.seed, stream: 7 }, stream, i) - 0.5) / 4;
    tensors.set(name, { shape, data: Float32Array.from({ length: size }, draw) });
  };
  const { family, hiddenSize, embeddingSize = hiddenSize } = config;
  const { ia3, prompt, prefix } = spec.method ?? {};
  if (prompt) add(virtualName, prompt.tokens, embeddingSize);
  if (prefix) add(virtualName, prefix.tokens * config.layers * 2, hiddenSize);
  for (let layer = 0; layer < config.layers; layer++) {
    for (const module of ia3?.targetModules ?? []) {
      const name = ia3Name(family, layer, module);
      add(name, ...ia3Shape(config, module));
      // Some below zero, some far above one.
      const { data } = tensors.get(name)!;
      data.forEach((value, i) => {
        data[i] = 1 + 12 * value;
      });
    }
    for (const module of spec.method ? [] : spec.modules) {
      const names = loraNames(family, layer, module);
      const widths = moduleWidths(config, module);
      add(names.a, spec.rank, widths.in);
      add(names.b, widths.out, spec.rank);
    }
  }
  const names = headNames(family, taskOf(spec.head));
  if (spec.head.kind === 'pooled' && spec.head.dense) {
    add(names.denseWeight, hiddenSize, hiddenSize);
    add(names.denseBias, hiddenSize);
  }
  add(names.weight, spec.labels, hiddenSize);
  add(names.bias, spec.labels);
  return tensors;
}

export const taskOf = (head: Head): TaskName =>
  head.kind === 'token' ? 'sequence-labeling' : 'classification';

/** The parts of a manifest that the engine reads. */
export function manifestOf(spec: AdapterSpec): AdapterManifest {
  const { rank, modules, labels, head, quantization, method } = spec;
  return {
    task: taskOf(head),
    labels: Array.from({ length: labels }, (_, i) => `label-${i}`),
    ...(method ?? { lora: { rank, alpha: 2 * rank, targetModules: modules } }),
    head,
    quantization,
  } as unknown as AdapterManifest;
}

export function randomAdapter(config: EncoderConfig, spec: AdapterSpec): ResidentAdapter {
  const file = writeAdapter(adapterTensors(config, spec), spec.quantization);
  return readAdapter(file, { manifest: manifestOf(spec), digest: JSON.stringify(spec), config });
}

/** Between two rows of logits. */
export const largest = (logits: Float32Array, others: Float32Array) =>
  logits.reduce((max, value, i) => Math.max(max, Math.abs(value - others[i]!)), 0);

/** A row of random tokens. */
export function randomRow(
  config: EncoderConfig,
  { adapter, length, seed }: { adapter: ResidentAdapter; length: number; seed: number },
): Row {
  const draw = (_: unknown, i: number) =>
    Math.floor(uniform({ seed, stream: 8 }, length, i) * config.vocabularySize);
  return {
    adapter,
    window: {
      ids: Int32Array.from({ length }, draw),
      typeIds: Int32Array.from({ length }, (_, i) => Number(i > length / 2)),
      position: 1,
      first: 0,
      count: length - 2,
    },
  };
}
