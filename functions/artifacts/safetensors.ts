/**
 * The safetensors format, read and written: u64 header length, JSON header, data. Reading copies nothing and believes
 * nothing. Format: https://github.com/huggingface/safetensors, README, "Format".
 */
import { VeneerError } from '../error.ts';
import { repeatedKey } from './json-keys.ts';

/** Bytes of one element. */
export const elementBytes = {
  F64: 8,
  I64: 8,
  U64: 8,
  F32: 4,
  I32: 4,
  U32: 4,
  F16: 2,
  BF16: 2,
  I16: 2,
  U16: 2,
  I8: 1,
  U8: 1,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
} as const;
export type Dtype = keyof typeof elementBytes;

export interface TensorData {
  dtype: Dtype;
  shape: number[];
  /** Little-endian elements in row-major order. Where it was read: a view into the file's bytes, of any alignment. */
  data: Uint8Array;
}

export interface Tensor extends TensorData {
  /** First byte of `data` in the file. */
  offset: number;
}

const maxHeaderBytes = 100_000_000;

/** @throws VeneerError `invalid_artifact`; `what` names the file in its message. */
export function readSafetensors(bytes: Uint8Array, what: string): Map<string, Tensor> {
  const bad = (problem: string) => new VeneerError('invalid_artifact', `${what}: ${problem}`);
  const { header, dataStart } = readHeader(bytes, bad);
  const tensors: [string, Tensor][] = [];
  for (const [name, entry] of Object.entries(header)) {
    if (name === '__metadata__') {
      if (!isObject(entry) || Object.values(entry).some(value => typeof value !== 'string'))
        throw bad('__metadata__ must map strings to strings');
      continue;
    }
    const badTensor = (problem: string) => bad(`tensor ${JSON.stringify(name)}: ${problem}`);
    const { dtype, shape, begin, end } = readEntry(entry, badTensor);
    if (dataStart + end > bytes.length)
      throw badTensor(`data ends at ${end}, the file has ${bytes.length - dataStart}`);
    const data = bytes.subarray(dataStart + begin, dataStart + end);
    tensors.push([name, { dtype, shape, data, offset: dataStart + begin }]);
  }

  tensors.sort(([, a], [, b]) => a.offset - b.offset || a.data.length - b.data.length);
  let next = dataStart;
  for (const [name, tensor] of tensors) {
    if (tensor.offset !== next)
      throw bad(
        `tensor ${JSON.stringify(name)}: ${tensor.offset < next ? 'overlaps the one before' : 'follows a hole'} at byte ${tensor.offset}`,
      );
    next += tensor.data.length;
  }
  if (next !== bytes.length) throw bad(`${bytes.length - next} bytes after the last tensor`);
  return new Map(tensors);
}

/** The header's `__metadata__`, empty where it has none, of a file that readSafetensors takes. */
export function readMetadata(bytes: Uint8Array, what: string): Record<string, string> {
  const { header } = readHeader(bytes, problem => new VeneerError('invalid_artifact', `${what}: ${problem}`));
  return (header.__metadata__ ?? {}) as Record<string, string>;
}

function readHeader(bytes: Uint8Array, bad: (problem: string) => VeneerError) {
  if (bytes.length < 8) throw bad(`${bytes.length} bytes are too few for a safetensors file`);
  const length = new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0, true);
  if (length > BigInt(maxHeaderBytes))
    throw bad(`a header of ${length} bytes is over the limit of ${maxHeaderBytes}`);
  const dataStart = 8 + Number(length);
  if (dataStart > bytes.length)
    throw bad(`the header of ${length} bytes runs past the file's ${bytes.length}`);
  let text: string;
  let header: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes.subarray(8, dataStart));
    header = JSON.parse(text);
  } catch {
    throw bad('the header is not JSON');
  }
  if (!isObject(header) || !text.startsWith('{')) throw bad('the header is not a JSON object');
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw bad(`the header names ${JSON.stringify(repeated)} twice`);
  return { header, dataStart };
}

function readEntry(entry: unknown, bad: (problem: string) => VeneerError) {
  if (!isObject(entry)) throw bad('its header entry is not an object');
  const { dtype, shape, data_offsets: offsets } = entry;
  if (typeof dtype !== 'string' || !Object.hasOwn(elementBytes, dtype))
    throw bad(`unknown dtype ${JSON.stringify(dtype)}`);
  if (!isSizes(shape)) throw bad(`shape ${JSON.stringify(shape)} must be whole numbers, none negative`);
  if (!isSizes(offsets) || offsets.length !== 2)
    throw bad(`data_offsets ${JSON.stringify(offsets)} must be two whole numbers`);
  const [begin, end] = offsets as [number, number];
  const size = byteSize({ dtype: dtype as Dtype, shape });
  if (size === undefined) throw bad(`shape [${shape}] overflows`);
  if (end - begin !== size)
    throw bad(`${end - begin} bytes at data_offsets, ${dtype} [${shape}] takes ${size}`);
  return { dtype: dtype as Dtype, shape, begin, end };
}

/** Bytes of a tensor's data; undefined where that is past what a number holds exactly. */
function byteSize({ dtype, shape }: { dtype: Dtype; shape: number[] }): number | undefined {
  let size: number = elementBytes[dtype];
  for (const dimension of shape) {
    size *= dimension;
    if (!Number.isSafeInteger(size)) return undefined;
  }
  return size;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isSizes(value: unknown): value is number[] {
  return Array.isArray(value) && value.every(size => Number.isSafeInteger(size) && size >= 0);
}

/**
 * Equal tensors and metadata give equal bytes, whatever their order. Widest elements come first, so that with the header
 * padded to 8 bytes every tensor is aligned to its element and none leaves a hole.
 */
export function writeSafetensors(
  tensors: Iterable<readonly [string, TensorData]>,
  metadata?: Record<string, string>,
): Uint8Array {
  const ordered = [...tensors].sort(
    ([a, { dtype: ofA }], [b, { dtype: ofB }]) =>
      elementBytes[ofB] - elementBytes[ofA] || (a < b ? -1 : Number(a > b)),
  );
  const names = new Set<string>(['__metadata__']);
  const entries: [string, unknown][] = [];
  if (metadata)
    entries.push([
      '__metadata__',
      Object.fromEntries(Object.entries(metadata).sort(([a], [b]) => (a < b ? -1 : 1))),
    ]);
  let end = 0;
  for (const [name, tensor] of ordered) {
    const begin = end;
    end += tensor.data.length;
    if (names.has(name)) throw new RangeError(`tensor name ${JSON.stringify(name)} is taken`);
    if (byteSize(tensor) !== tensor.data.length)
      throw new RangeError(
        `tensor ${name}: ${tensor.data.length} bytes are not ${tensor.dtype} [${tensor.shape}]`,
      );
    names.add(name);
    entries.push([name, { dtype: tensor.dtype, shape: tensor.shape, data_offsets: [begin, end] }]);
  }
  // Joined by hand: an object would move integer-like names to the front.
  const text = `{${entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`).join(',')}}`;
  const header = new TextEncoder().encode(text);
  const dataStart = 8 + Math.ceil(header.length / 8) * 8;
  const bytes = new Uint8Array(dataStart + end);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(dataStart - 8), true);
  bytes.set(header, 8);
  bytes.fill(0x20, 8 + header.length, dataStart);
  let at = dataStart;
  for (const [, { data }] of ordered) {
    bytes.set(data, at);
    at += data.length;
  }
  return bytes;
}

/** The elements of an F32, F16 or BF16 tensor: a view where an aligned F32 allows one, else a copy. */
export function float32({ dtype, data }: TensorData): Float32Array {
  if (dtype === 'F32') {
    if (data.byteOffset % 4 === 0) return new Float32Array(data.buffer, data.byteOffset, data.length / 4);
    return new Float32Array(new Uint8Array(data).buffer);
  }
  if (dtype !== 'F16' && dtype !== 'BF16')
    throw new VeneerError('invalid_artifact', `${dtype} elements are not floats of up to 32 bits`);
  const values = new Float32Array(data.length / 2);
  const bits = new Uint32Array(values.buffer);
  for (let i = 0; i < values.length; i++) {
    const half = data[2 * i]! | (data[2 * i + 1]! << 8);
    if (dtype === 'BF16') bits[i] = half << 16;
    else values[i] = fromHalf(half);
  }
  return values;
}

/** IEEE 754 binary16: 1 sign bit, 5 exponent bits, 10 fraction bits. */
function fromHalf(half: number): number {
  const sign = half & 0x8000 ? -1 : 1;
  const exponent = (half >> 10) & 0x1f;
  const fraction = half & 0x3ff;
  if (exponent === 0x1f) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
