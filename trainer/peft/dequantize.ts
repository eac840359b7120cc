/** The tensors of an adapter file as float32: the numbers that are served. Storage: functions/artifacts/adapter.ts. */
import type { FloatTensor } from '../../functions/artifacts/adapter.ts';
import { float32, readSafetensors, type Tensor } from '../../functions/artifacts/safetensors.ts';

const scaleSuffix = '.scale';

/** @param file Of an adapter that `readAdapter` accepts. */
export function dequantized(file: Uint8Array, what: string): Map<string, FloatTensor> {
  const stored = readSafetensors(file, what);
  const tensors = new Map<string, FloatTensor>();
  for (const [name, tensor] of stored) {
    if (name.endsWith(scaleSuffix)) continue;
    const data =
      tensor.dtype === 'I8'
        ? scaled(tensor, float32(stored.get(name + scaleSuffix)!), name.endsWith('.lora_B.weight'))
        : float32(tensor).slice();
    tensors.set(name, { shape: tensor.shape, data });
  }
  return tensors;
}

function scaled({ data, shape }: Tensor, scales: Float32Array, byColumn: boolean): Float32Array {
  const columns = shape[1]!;
  const scaleOf = (i: number) => scales[byColumn ? i % columns : Math.floor(i / columns)]!;
  const values = new Int8Array(data.buffer, data.byteOffset, data.length);
  return Float32Array.from(values, (value, i) => value * scaleOf(i));
}
