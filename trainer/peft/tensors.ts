/** PEFT's adapter_model.safetensors as the float tensors of an adapter, under our names, with every layer filled. */
import type { FloatTensor } from '../../functions/artifacts/adapter.ts';
import {
  type AdapterManifest,
  type EncoderConfig,
  ia3Modules,
  type TargetModule,
  targetModules,
} from '../../functions/artifacts/manifests.ts';
import {
  headNames,
  ia3Name,
  ia3Shape,
  loraNames,
  loraNamesOf,
  moduleWidths,
  virtualName,
} from '../../functions/artifacts/modules.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { float32, readSafetensors, type Tensor } from '../../functions/artifacts/safetensors.ts';
import { VeneerError } from '../../functions/error.ts';
import type { PeftMethod } from './config.ts';
import type { PeftIa3 } from './ia3-config.ts';
import { type PeftLayer, peftLayers } from './layers.ts';
import type { PeftLora } from './lora-config.ts';
import type { PeftVirtual } from './virtual-config.ts';

/** Tensors that wait to be taken, by name, each once. */
export interface PeftTensors {
  has(name: string): boolean;
  /** @throws VeneerError naming a tensor that is missing, misshapen, not of floats or not finite. */
  take(name: string, shape: readonly number[]): FloatTensor;
  /** Rows of the head: the number of labels. */
  rowsOf(name: string): number;
  /** @throws VeneerError naming a tensor that nobody took. */
  close(): void;
}

/**
 * Names that older versions of PEFT and in-memory states have: the adapter's own name, and the wrapper of whole modules. And
 * names of heads beside prompts and prefixes, which lack a `model`.
 */
const plainName = (name: string) =>
  name
    .replace(/\.modules_to_save(?:\.default)?\./, '.')
    .replace(/\.default\.(weight|bias)$/, '.$1')
    .replace(/^base_model\.(?!model\.)/, 'base_model.model.');

export function openPeftTensors(file: Uint8Array, what: string): PeftTensors {
  const bad = (problem: string) => new VeneerError('invalid_artifact', `${what}: ${problem}`);
  const tensors = new Map<string, Tensor>();
  const writtenAs = new Map<string, string>();
  for (const [name, tensor] of readSafetensors(file, what)) {
    const plain = plainName(name);
    if (tensors.has(plain)) throw bad(`tensors ${writtenAs.get(plain)} and ${name} are the same one`);
    tensors.set(plain, tensor);
    writtenAs.set(plain, name);
  }
  const find = (name: string): Tensor => {
    const tensor = tensors.get(name);
    if (tensor) return tensor;
    throw bad(`tensor ${name} is missing`);
  };
  return {
    has: name => tensors.has(name),
    rowsOf: name => find(name).shape[0] ?? 0,
    take(name, shape) {
      const tensor = find(name);
      if (tensor.shape.join() !== shape.join())
        throw bad(`tensor ${writtenAs.get(name)} has shape [${tensor.shape}], expected [${shape}]`);
      if (!['F32', 'F16', 'BF16'].includes(tensor.dtype))
        throw bad(`tensor ${writtenAs.get(name)} is ${tensor.dtype}, expected F32, F16 or BF16`);
      const data = float32(tensor);
      if (!data.every(Number.isFinite))
        throw bad(`tensor ${writtenAs.get(name)} holds a value that is not finite`);
      tensors.delete(name);
      return { shape, data };
    },
    close() {
      const [unknown] = tensors.keys();
      if (unknown !== undefined)
        throw bad(
          `tensor ${writtenAs.get(unknown)} belongs to nothing that can be served: the adapter's own on the base's linear layers, and the head`,
        );
    },
  };
}

/** The tensors of the encoder's part, and what the manifest says of it. */
export interface TakenMethod {
  tensors: Map<string, FloatTensor>;
  settings: Pick<AdapterManifest, 'lora' | 'ia3' | 'prompt' | 'prefix'>;
}

/** @throws VeneerError naming a tensor that is missing or misshapen. */
export function takeMethod(source: PeftTensors, method: PeftMethod, config: EncoderConfig): TakenMethod {
  if (method.name === 'ia3') return takeIa3(source, method, config);
  if (method.name !== 'lora') return takeVirtual(source, method, config);
  const { tensors, modules } = takeLora(source, method, config);
  return { tensors, settings: { lora: { rank: method.rank, alpha: method.alpha, targetModules: modules } } };
}

/** Layers that PEFT leaves alone get ones, which change nothing. */
function takeIa3(source: PeftTensors, { layers }: PeftIa3, config: EncoderConfig): TakenMethod {
  const modules = ia3Modules.filter(module => layers.some(layer => layer.includes(module)));
  const tensors = new Map<string, FloatTensor>();
  layers.forEach((adapted, layer) => {
    for (const module of modules) {
      const [name, shape] = [ia3Name(config.family, layer, module), ia3Shape(config, module)];
      const ones = () => ({ shape, data: new Float32Array(shape[0] * shape[1]).fill(1) });
      tensors.set(name, adapted.includes(module) ? source.take(name, shape) : ones());
    }
  });
  return { tensors, settings: { ia3: { targetModules: modules } } };
}

/** PEFT keeps a prefix as a row a token; here each of its keys and values is one, in the same order. */
function takeVirtual(source: PeftTensors, { name, tokens }: PeftVirtual, config: EncoderConfig): TakenMethod {
  const { hiddenSize: h, embeddingSize = h, layers } = config;
  const rows = name === 'prompt' ? 1 : layers * 2;
  const width = name === 'prompt' ? embeddingSize : h;
  const { data } = source.take(virtualName, [tokens, rows * width]);
  return {
    tensors: new Map([[virtualName, { shape: [tokens * rows, width], data }]]),
    settings: { [name]: { tokens } },
  };
}

/**
 * The LoRA pairs, and the modules that have one in some layer. A layer that PEFT leaves alone gets zeros, which change
 * nothing. Modules that the task model has fused share its A, and have their rows of its B.
 */
function takeLora(
  source: PeftTensors,
  { rank, targets }: PeftLora,
  config: EncoderConfig,
): { tensors: Map<string, FloatTensor>; modules: TargetModule[] } {
  const isAdapted = (layer: number, { path }: PeftLayer) => {
    const names = loraNamesOf(path);
    return targets(layer, path) ?? (source.has(names.a) || source.has(names.b));
  };
  const layers = Array.from({ length: config.layers }, (_, layer) => peftLayers(config.family, layer));
  const adapted = new Set(
    layers.flatMap((parts, layer) =>
      parts.filter(part => isAdapted(layer, part)).flatMap(part => part.modules),
    ),
  );
  const tensors = new Map<string, FloatTensor>();
  layers.forEach((parts, layer) => {
    for (const part of parts.filter(({ modules }) => modules.some(module => adapted.has(module)))) {
      const names = loraNamesOf(part.path);
      const widths = part.modules.map(module => moduleWidths(config, module));
      const rows = widths.reduce((sum, { out }) => sum + out, 0);
      const take = (name: string, shape: readonly [number, number]) =>
        isAdapted(layer, part) ? source.take(name, shape) : zeros(shape);
      const a = take(names.a, [rank, widths[0]!.in]);
      const b = take(names.b, [rows, rank]);
      let from = 0;
      part.modules.forEach((module, i) => {
        const { out } = widths[i]!;
        const own = loraNames(config.family, layer, module);
        tensors.set(own.a, a);
        tensors.set(own.b, { shape: [out, rank], data: b.data.slice(from * rank, (from + out) * rank) });
        from += out;
      });
    }
  });
  return { tensors, modules: targetModules.filter(module => adapted.has(module)) };
}

function zeros(shape: readonly [number, number]): FloatTensor {
  return { shape, data: new Float32Array(shape[0] * shape[1]) };
}

/**
 * The head's tensors. The dense layer of a pooled head is the pooler that PEFT trained or, where it was frozen, the base's.
 * @param pooler Asked only where the file has none.
 */
export async function takeHead(
  source: PeftTensors,
  { task, dense, config }: { task: TaskName; dense: boolean; config: EncoderConfig },
  pooler: () => Promise<{ weight: Float32Array; bias: Float32Array }>,
): Promise<{ tensors: Map<string, FloatTensor>; labels: number }> {
  const { family, hiddenSize: h } = config;
  const names = headNames(family, task);
  const labels = source.rowsOf(names.weight);
  const tensors = new Map<string, FloatTensor>();
  if (dense && !source.has(names.denseWeight) && !source.has(names.denseBias)) {
    const { weight, bias } = await pooler();
    tensors.set(names.denseWeight, { shape: [h, h], data: weight });
    tensors.set(names.denseBias, { shape: [h], data: bias });
  } else if (dense) {
    tensors.set(names.denseWeight, source.take(names.denseWeight, [h, h]));
    tensors.set(names.denseBias, source.take(names.denseBias, [h]));
  }
  tensors.set(names.weight, source.take(names.weight, [labels, h]));
  tensors.set(names.bias, source.take(names.bias, [labels]));
  return { tensors, labels };
}
