/** PEFT's adapter_model.safetensors as the float tensors of an adapter, under our names, with every layer filled. */
import type { FloatTensor } from '../../functions/artifacts/adapter.ts';
import { type EncoderConfig, type TargetModule, targetModules } from '../../functions/artifacts/manifests.ts';
import { headNames, loraNames, moduleWidths } from '../../functions/artifacts/modules.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { float32, readSafetensors, type Tensor } from '../../functions/artifacts/safetensors.ts';
import { VeneerError } from '../../functions/error.ts';
import type { PeftAdapter } from './config.ts';

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

/** Names that older versions of PEFT and in-memory states have: the adapter's own name, and the wrapper of whole modules. */
const plainName = (name: string) =>
  name.replace(/\.modules_to_save(?:\.default)?\./, '.').replace(/\.default\.(weight|bias)$/, '.$1');

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
          `tensor ${writtenAs.get(unknown)} belongs to nothing that can be served: LoRA on the base's linear layers, and the head`,
        );
    },
  };
}

/**
 * The LoRA pairs, and the modules that have one in some layer. A layer that PEFT leaves alone gets zeros, which change
 * nothing.
 */
export function takeLora(
  source: PeftTensors,
  { rank, targets }: PeftAdapter,
  config: EncoderConfig,
): { tensors: Map<string, FloatTensor>; modules: TargetModule[] } {
  const isAdapted = (layer: number, module: TargetModule) => {
    const names = loraNames(config.family, layer, module);
    return targets(layer, module) ?? (source.has(names.a) || source.has(names.b));
  };
  const layers = Array.from({ length: config.layers }, (_, layer) => layer);
  const modules = targetModules.filter(module => layers.some(layer => isAdapted(layer, module)));
  const tensors = new Map<string, FloatTensor>();
  for (const layer of layers)
    for (const module of modules) {
      const names = loraNames(config.family, layer, module);
      const widths = moduleWidths(config, module);
      const adapted = isAdapted(layer, module);
      for (const [name, shape] of [
        [names.a, [rank, widths.in]],
        [names.b, [widths.out, rank]],
      ] as const)
        tensors.set(name, adapted ? source.take(name, shape) : zeros(shape));
    }
  return { tensors, modules };
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
