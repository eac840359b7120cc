/**
 * The adapter file (adapter.safetensors, formatVersion 1): writes float tensors in their stored form and reads them back,
 * checked against the manifest and the base. Names follow PEFT's. Matrices are int8 with float32 scales (`<name>.scale`), or
 * float16, or float32; vectors are always float32. Scales go by rank in LoRA pairs (a row of A, a column of B), so that they
 * multiply the narrow product between the two, by label in heads, and by vector in prompts and prefixes.
 */
import { VeneerError } from '../error.ts';
import { type LoraLayout, loraLayout } from './lora-layout.ts';
import type { AdapterManifest, EncoderConfig, Ia3Settings, LoraSettings, TargetModule } from './manifests.ts';
import { headNames, ia3Name, ia3Shape, loraNames, moduleWidths, virtualName } from './modules.ts';
import { float32, readSafetensors, type Tensor, writeSafetensors } from './safetensors.ts';

export interface FloatTensor {
  shape: readonly number[];
  data: Float32Array;
}

/** A matrix as it is kept in memory: value = data * scale of its row. */
export interface Matrix {
  rows: number;
  columns: number;
  data: Int8Array | Float32Array;
  /** Undefined for float data. */
  scales?: Float32Array;
}

export interface ResidentLora {
  layout: LoraLayout;
  /** A as stored; B transposed, so that ranks beyond the adapter's own are a tail. */
  data: Int8Array | Float32Array;
  /** Scale of A times scale of B times alpha / rank, by rank. */
  scales: Float32Array;
}

/** By layer, then module: the vector that scales what the module gives or reads. */
export type ResidentIa3 = ReadonlyArray<Partial<Record<TargetModule, Float32Array>>>;

export interface HeadLayer {
  /** [out, hidden] */
  weight: Matrix;
  /** [out] */
  bias: Float32Array;
}

/** An adapter ready to serve. */
export interface ResidentAdapter {
  digest: string;
  manifest: AdapterManifest;
  /** One of these, as the manifest says. */
  lora?: ResidentLora;
  ia3?: ResidentIa3;
  /** [tokens, width of the embeddings] */
  prompt?: Matrix;
  /** [tokens * layers * 2, hidden]: by token, then layer, key before value. */
  prefix?: Matrix;
  head: HeadLayer & { dense?: HeadLayer };
  /** Memory it holds. */
  bytes: number;
}

/** Symmetric int8 with one scale a row: scale = max |row| / levels. A row of zeros keeps scale 0. */
export function quantizeRows(
  data: Float32Array,
  rows: number,
  levels = 127,
): { data: Int8Array; scales: Float32Array } {
  const columns = data.length / rows;
  const quantized = new Int8Array(data.length);
  const scales = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let max = 0;
    for (let i = row * columns; i < (row + 1) * columns; i++) max = Math.max(max, Math.abs(data[i]!));
    const scale = Math.fround(max / levels);
    scales[row] = scale;
    if (scale === 0) continue;
    for (let i = row * columns; i < (row + 1) * columns; i++) quantized[i] = Math.round(data[i]! / scale);
  }
  return { data: quantized, scales };
}

/** [rows, columns] as [columns, rows]. */
function transposed<T extends Int8Array | Float32Array>(data: T, rows: number, columns: number): T {
  const result = data.slice() as T;
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++)
      result[column * rows + row] = data[row * columns + column]!;
  return result;
}

const bytesOf = (array: Int8Array | Uint16Array | Float32Array) =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** PEFT keeps these vectors as [out, 1] and [1, in]. */
const isIa3 = (name: string) => name.endsWith('.ia3_l');

/** Serializes an adapter's float tensors in the given quantization. */
export function writeAdapter(
  tensors: ReadonlyMap<string, FloatTensor>,
  quantization: AdapterManifest['quantization'],
): Uint8Array {
  const stored = new Map<string, Pick<Tensor, 'dtype' | 'shape' | 'data'>>();
  for (const [name, { shape, data }] of tensors) {
    if (shape.length < 2 || isIa3(name) || quantization === 'float32')
      stored.set(name, { dtype: 'F32', shape: [...shape], data: bytesOf(data) });
    else if (quantization === 'float16')
      stored.set(name, { dtype: 'F16', shape: [...shape], data: bytesOf(Uint16Array.from(data, halfBits)) });
    else {
      const [rows, columns] = shape as [number, number];
      const byColumn = name.endsWith('.lora_B.weight');
      const { data: rounded, scales } = byColumn
        ? quantizeRows(transposed(data, rows, columns), columns)
        : quantizeRows(data, rows);
      const int8 = byColumn ? transposed(rounded, columns, rows) : rounded;
      stored.set(name, { dtype: 'I8', shape: [...shape], data: bytesOf(int8) });
      stored.set(`${name}.scale`, { dtype: 'F32', shape: [scales.length], data: bytesOf(scales) });
    }
  }
  return writeSafetensors(stored, { format: 'veneer', formatVersion: '1', quantization });
}

const floatView = new Float32Array(1);
const intView = new Uint32Array(floatView.buffer);

/** IEEE 754 binary16 of a number, rounded to nearest, ties to even. */
function halfBits(value: number): number {
  floatView[0] = value;
  const bits = intView[0]!;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  const mantissa = bits & 0x7fffff;
  if (exponent >= 31) return sign | (exponent === 143 && mantissa ? 0x7e00 : 0x7c00);
  if (exponent < -10) return sign;
  const full = exponent > 0 ? (exponent << 23) | mantissa : mantissa | 0x800000;
  const shift = exponent > 0 ? 13 : 14 - exponent;
  const half = Math.floor(full / 2 ** shift);
  const rest = full % 2 ** shift;
  const tie = 2 ** (shift - 1);
  return sign | (half + (rest > tie || (rest === tie && half & 1) ? 1 : 0));
}

/**
 * Reads an adapter file whose digest has been verified.
 * @throws VeneerError `invalid_artifact` naming a tensor that is missing, unknown, or of another shape or type.
 */
export function readAdapter(
  file: Uint8Array,
  { manifest, digest, config }: { manifest: AdapterManifest; digest: string; config: EncoderConfig },
): ResidentAdapter {
  const what = `adapter ${digest.slice(0, 12)}`;
  const tensors = new Map(readSafetensors(file, what));
  const take = (name: string, shape: readonly number[]): Tensor => {
    const tensor = tensors.get(name);
    if (!tensor) throw new VeneerError('invalid_artifact', `${what}: tensor ${name} is missing`);
    if (tensor.shape.join() !== shape.join())
      throw new VeneerError(
        'invalid_artifact',
        `${what}: tensor ${name} has shape [${tensor.shape}], expected [${shape}]`,
      );
    tensors.delete(name);
    return tensor;
  };
  let bytes = 0;
  const vector = (name: string, ...shape: number[]): Float32Array => {
    const data = finite(float32(take(name, shape)), `${what}: tensor ${name}`);
    bytes += data.byteLength;
    return data;
  };
  const matrix = (name: string, rows: number, columns: number, scaled: number = rows): Matrix => {
    const tensor = take(name, [rows, columns]);
    bytes += rows * columns * (tensor.dtype === 'I8' ? 1 : 4);
    if ((tensor.dtype === 'I8') !== (manifest.quantization === 'int8'))
      throw new VeneerError(
        'invalid_artifact',
        `${what}: tensor ${name} is ${tensor.dtype}, but the manifest says ${manifest.quantization}`,
      );
    if (tensor.dtype !== 'I8')
      return { rows, columns, data: finite(float32(tensor), `${what}: tensor ${name}`) };
    // A copy, so that the file's buffer can go.
    const data = new Int8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.length).slice();
    return { rows, columns, data, scales: vector(`${name}.scale`, scaled) };
  };
  const readLora = (settings: LoraSettings): ResidentLora => {
    const { rank, alpha } = settings;
    const layout = loraLayout(config, settings);
    const data =
      manifest.quantization === 'int8' ? new Int8Array(layout.size) : new Float32Array(layout.size);
    const scales = new Float32Array(layout.scalesSize);
    layout.sites.forEach((modules, layer) => {
      for (const [module, place] of Object.entries(modules)) {
        const names = loraNames(config.family, layer, module as TargetModule);
        const widths = moduleWidths(config, module as TargetModule);
        const a = matrix(names.a, rank, widths.in);
        const b = matrix(names.b, widths.out, rank, rank);
        data.set(a.data, place.a);
        data.set(transposed(b.data, widths.out, rank), place.b);
        for (let i = 0; i < rank; i++)
          scales[place.scales + i] = ((a.scales?.[i] ?? 1) * (b.scales?.[i] ?? 1) * alpha) / rank;
      }
    });
    return { layout, data, scales };
  };
  const readIa3 = ({ targetModules: modules }: Ia3Settings): ResidentIa3 =>
    Array.from({ length: config.layers }, (_, layer) =>
      Object.fromEntries(
        modules.map(module => [
          module,
          vector(ia3Name(config.family, layer, module), ...ia3Shape(config, module)),
        ]),
      ),
    );
  const { head, labels, task, lora, ia3, prompt, prefix } = manifest;
  const { family, hiddenSize, embeddingSize = hiddenSize, layers } = config;
  const names = headNames(family, task);
  const resident: Omit<ResidentAdapter, 'bytes'> = {
    digest,
    manifest,
    ...(lora ? { lora: readLora(lora) } : {}),
    ...(ia3 ? { ia3: readIa3(ia3) } : {}),
    ...(prompt ? { prompt: matrix(virtualName, prompt.tokens, embeddingSize) } : {}),
    ...(prefix ? { prefix: matrix(virtualName, prefix.tokens * layers * 2, hiddenSize) } : {}),
    head: {
      weight: matrix(names.weight, labels.length, hiddenSize),
      bias: vector(names.bias, labels.length),
      ...(head.kind === 'pooled' && head.dense
        ? {
            dense: {
              weight: matrix(names.denseWeight, hiddenSize, hiddenSize),
              bias: vector(names.denseBias, hiddenSize),
            },
          }
        : {}),
    },
  };
  const [unknown] = tensors.keys();
  if (unknown)
    throw new VeneerError('invalid_artifact', `${what}: tensor ${unknown} is not part of the adapter`);
  return { ...resident, bytes };
}

function finite(data: Float32Array, what: string): Float32Array {
  if (!data.every(Number.isFinite))
    throw new VeneerError('invalid_artifact', `${what} holds a value that is not finite`);
  return data;
}
