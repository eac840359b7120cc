/**
 * How a base's weights are stored and computed with when it serves: float32, int8 with activations quantized row by row,
 * or 8 bits in blocks. Training always starts from the float32 weights.
 */
import { type FloatTensor, quantizeRows } from '../../functions/artifacts/adapter.ts';
import type { BaseManifest, EncoderConfig } from '../../functions/artifacts/manifests.ts';
import type { TensorData } from '../../functions/artifacts/safetensors.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import { type Lookup, tableLookup } from '../models/family.ts';

export type PrecisionName = BaseManifest['precision'];

export interface LinearSite {
  g: Graph;
  /** Name of the layer's tensors without `.weight` and `.bias`. */
  path: string;
  in: number;
  out: number;
  /** [rows, in] */
  x: Value;
  /** Tensor [in] that multiplies x where inputs are smoothed (smoothing.ts). */
  smoothing?: string | undefined;
  /** What is added to x so that it is not negative; the stored bias has taken it back. Null where x has both signs. */
  shift: number | null;
  /** Whether x can be lower than that allows. */
  signed: boolean;
  /** Whether b is added. */
  biased: boolean;
}

/** x that comes out of an activation has a lowest value: GELU's is -0.17. Null where it is multiplied by a gate. */
export function activationShift({ activation, gated }: EncoderConfig): number | null {
  if (gated) return null;
  return activation === 'gelu' ? 0.17 : 0;
}

export interface Precision {
  /** Stored form of one float32 tensor. `role`: a linear layer's weight, an embedding table that is quantized, or neither. */
  store(name: string, tensor: FloatTensor, role: 'linear' | 'table' | 'plain'): [string, TensorData][];
  /** x W' + b with the weights as stored: [rows, out]. */
  linear(site: LinearSite): Value;
  /** Whether b is a sum of its own there, after the product: then it may as well come with another term. */
  addsBias: boolean;
  lookup: Lookup;
}

const bytesOf = (data: Float32Array | Int8Array | Uint8Array) =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
const f32 = (shape: readonly number[], data: Float32Array): TensorData => ({
  dtype: 'F32',
  shape: [...shape],
  data: bytesOf(data),
});
const biasOf = ({ g, path, out }: LinearSite) => g.weight(`${path}.bias`, [out]);

const fp32: Precision = {
  store: (name, { shape, data }) => [[name, f32(shape, data)]],
  linear: site => {
    const weight = site.g.weight(`${site.path}.weight`, [site.out, site.in]);
    return site.g.matmul(site.x, weight, { transB: true, addend: site.biased ? biasOf(site) : undefined });
  },
  addsBias: false,
  lookup: tableLookup,
};

/** Whole numbers from -levels to levels. 127 needs a CPU that adds 8-bit products in 32 bits (VNNI, NEON dot product). */
const int8 = (levels: number): Precision => ({
  store: (name, { shape, data }, role) => {
    if (role === 'plain') return [[name, f32(shape, data)]];
    const [rows, columns] = shape as [number, number];
    const { data: quantized, scales } = quantizeRows(data, rows);
    if (role === 'table')
      return [
        [name, { dtype: 'I8', shape: [rows, columns], data: bytesOf(quantized) }],
        [`${name}.scale`, f32([rows, 1], scales)],
      ];
    // [in, out], as the integer product reads it.
    const transposed = new Int8Array(quantized.length);
    for (let row = 0; row < rows; row++)
      for (let column = 0; column < columns; column++)
        transposed[column * rows + row] = quantized[row * columns + column]!;
    return [
      [name, { dtype: 'I8', shape: [columns, rows], data: bytesOf(transposed) }],
      [`${name}.scale`, f32([rows], scales)],
    ];
  },
  linear: site => {
    const weight = site.g.weight(`${site.path}.weight`, [site.in, site.out], 'int8');
    const scales = site.g.weight(`${site.path}.weight.scale`, [site.out]);
    const { g, smoothing } = site;
    const x = smoothing === undefined ? site.x : g.mul(site.x, g.weight(smoothing, [site.in]));
    const { shift } = site;
    const stored = { weight, scales };
    const withBias = (product: Value) => (site.biased ? g.add(product, biasOf(site)) : product);
    if (!site.signed || shift === null) return withBias(g.quantizedLinear(x, stored, { levels, shift }));
    // The stored bias has taken the shift back: as much as the shifted product of zeros gives.
    const zeros = g.expand(g.constant([0], [1, 1]), [1, site.in]);
    const taken = g.quantizedLinear(zeros, stored, { levels, shift });
    return withBias(g.add(g.quantizedLinear(x, stored, { levels }), taken));
  },
  addsBias: true,
  lookup: ({ g, name, rows, width, indices, role }) => {
    if (role === 'plain') return tableLookup({ g, name, rows, width, indices, role });
    const table = g.weight(name, [rows, width], 'int8');
    const scales = g.weight(`${name}.scale`, [rows, 1]);
    return g.mul(g.cast(g.gather(table, indices)), g.gather(scales, indices));
  },
});

const block = 32;

/** Linear layers in blocks of a row, each with its scale; activations are rounded block by block in the operator. */
const inBlocks = (bits: 4 | 8, tables: Pick<Precision, 'store' | 'lookup'>): Precision => ({
  store: (name, { shape, data }, role) => {
    if (role !== 'linear') return tables.store(name, { shape, data }, role);
    const [rows, columns] = shape as [number, number];
    const { data: quantized, scales } = quantizeRows(data, (rows * columns) / block, 2 ** (bits - 1) - 1);
    const around = Uint8Array.from(quantized, q => q + 2 ** (bits - 1));
    // Two numbers a byte, the first in its low half.
    const packed =
      bits === 8
        ? around
        : Uint8Array.from(
            { length: around.length / 2 },
            (_, i) => around[2 * i]! | (around[2 * i + 1]! << 4),
          );
    return [
      [name, { dtype: 'U8', shape: [rows, columns / block, (block * bits) / 8], data: packed }],
      [`${name}.scale`, f32([scales.length], scales)],
    ];
  },
  linear: site => {
    const blocks = site.in / block;
    const weight = site.g.weight(`${site.path}.weight`, [site.out, blocks, (block * bits) / 8], 'uint8');
    const scales = site.g.weight(`${site.path}.weight.scale`, [site.out * blocks]);
    const bias = site.biased ? { bias: biasOf(site) } : {};
    return site.g.blockQuantizedLinear(site.x, { weight, scales, ...bias }, { block, bits });
  },
  addsBias: false,
  lookup: tables.lookup,
});

/** How linear layers and tables are stored; `rounds`: activations are rounded by rows, so inputs are smoothed and shifted. */
export interface StoredForm {
  full: Precision;
  rounds?: true;
}

/** What bases are served in, by name; int8 has graphs for both kinds of CPU over the same weights. */
export const precisions: Record<PrecisionName, StoredForm & { narrow?: Precision }> = {
  fp32: { full: fp32 },
  int8: { full: int8(127), narrow: int8(63), rounds: true },
  'int8-block': { full: inBlocks(8, fp32) },
};

/** Four bits a weight, for training alone: QLoRA (https://arxiv.org/abs/2305.14314) with whole numbers in place of NF4. */
export const int4: StoredForm = { full: inBlocks(4, int8(127)) };
