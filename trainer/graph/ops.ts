/**
 * The closed set of primitives every model, loss and gradient is written in, with their attributes and their shape rules.
 * Whoever gives an op a meaning (gradient.ts, onnx.ts, the tfjs engine) holds one exhaustive table over `OpName`.
 */
import { broadcast, type Dim, product, type Shape, sameShape } from './shape.ts';

export type DType = 'float32' | 'int32' | 'int8' | 'uint8';

export interface TensorType {
  dtype: DType;
  shape: Shape;
}

/** Numbers that share a scale, and the bits of one. */
export interface Blocks {
  block: number;
  bits: 4 | 8;
}

/** Attributes by op. Axes count from the front. */
export interface Attributes {
  /** Fed at every run. */
  input: { name: string; dtype: DType; shape: Shape };
  /** Frozen tensor of the base, by its name in the weights file. */
  weight: { name: string; shape: Shape; dtype: DType };
  /** Small literal. */
  constant: { data: readonly number[]; shape: Shape; dtype: DType };
  add: object;
  sub: object;
  mul: object;
  div: object;
  exp: object;
  erf: object;
  sqrt: object;
  tanh: object;
  sigmoid: object;
  /** log(1 + exp(x)), without overflow. */
  softplus: object;
  relu: object;
  /** 1 where x > 0, else 0. */
  step: object;
  /** x * Phi(x), the exact (erf) form. https://arxiv.org/abs/1606.08415 */
  gelu: object;
  /** alpha * op(a) op(b) [+ c]; c broadcasts to the result. a and b have equal rank (2 or more). */
  matmul: { transA: boolean; transB: boolean; alpha: number };
  /** x, which is not differentiated. */
  detach: object;
  /** Integers as float32. */
  cast: object;
  /**
   * x W [+ c] for x [rows, in], W int8 [in, out] with one scale a column [out]. Each row of x is quantized by itself to
   * whole numbers in +-levels, so no row depends on another. With a shift, x + shift (which must not be negative) takes
   * the place of x and uses twice the levels, 0 to 2 levels + 1.
   */
  quantizedLinear: { levels: number; shift: number | null };
  /**
   * x W' [+ c] for W in blocks of 8 or 4 bits, uint8 [out, in / block, block * bits / 8] around 128 or 8 (two numbers a byte,
   * the first in its low half), with one scale a block [out * in / block]; activations in 8 bits a block. Contributed
   * operator MatMulNBits.
   */
  blockQuantizedLinear: Blocks;
  /** That weight as float32 [out, in]. */
  blockDequantize: Blocks;
  transpose: { perm: readonly number[] };
  reshape: { shape: Shape };
  concat: { axis: number };
  /** Several results: pieces of these sizes along `axis`; symbolic sizes must all be equal. */
  split: { axis: number; sizes: readonly Dim[] };
  /** Sum over axes, kept with size 1. */
  sum: { axes: readonly number[] };
  expand: { shape: Shape };
  /** Rows of a table [rows, ...] by int32 indices [...]: [..., ...]. Differentiated for tables [rows, width]. */
  gather: object;
  /** Adjoint of gather: sums rows [..., width] into a zero table [rows, width] at the indices. */
  scatterAdd: { rows: number };
  /** x [rows, ...], whose rows at the int32 indices [n] are those of y [n, ...]. No index comes twice. */
  replaceRows: object;
  /**
   * 0 with probability `rate` (in steps of 2^-16), else 1 / (1 - rate): element i, counted in row-major order, hashes
   * keys[site] and i as `mix` of random.ts. Keys are an int32 vector.
   */
  dropoutMask: { shape: Shape; rate: number; site: number };
  /** Over the last axis. */
  softmax: object;
  /** Over the last axis. */
  logSoftmax: object;
  /** Over the last axis. Results: y, mean [..., 1], 1 / standard deviation [..., 1]. https://arxiv.org/abs/1607.06450 */
  layerNorm: { epsilon: number };
}

export type OpName = keyof Attributes;

/** Sum of numbers, or of equal symbolic dimensions; undefined of anything else. */
function sum(dims: readonly Dim[]): Dim | undefined {
  if (dims.every(dim => typeof dim === 'number')) return dims.reduce((total, dim) => total + dim, 0);
  return dims.every(dim => dim === dims[0]) ? product([dims.length, dims[0]!]) : undefined;
}

type ShapeRule<Op extends OpName> = (
  inputs: readonly TensorType[],
  attributes: Attributes[Op],
) => TensorType[];

const like = (inputs: readonly TensorType[]): TensorType[] => [inputs[0]!];
const elementwise = ([a, b]: readonly TensorType[]): TensorType[] => [
  { dtype: a!.dtype, shape: broadcast(a!.shape, b!.shape) },
];

function matmulShape(
  [a, b, c]: readonly TensorType[],
  { transA, transB }: Attributes['matmul'],
): TensorType[] {
  const [ra, rb] = [a!.shape.length, b!.shape.length];
  if (ra !== rb || ra < 2)
    throw new Error(`matmul of [${a!.shape}] and [${b!.shape}]: ranks must be equal, 2 or more`);
  const [m, ka] = transA ? [a!.shape[ra - 1]!, a!.shape[ra - 2]!] : [a!.shape[ra - 2]!, a!.shape[ra - 1]!];
  const [kb, n] = transB ? [b!.shape[rb - 1]!, b!.shape[rb - 2]!] : [b!.shape[rb - 2]!, b!.shape[rb - 1]!];
  if (ka !== kb)
    throw new Error(`matmul of [${a!.shape}] and [${b!.shape}]: inner dimensions ${ka} and ${kb} differ`);
  const shape = [...broadcast(a!.shape.slice(0, -2), b!.shape.slice(0, -2)), m, n];
  if (c && !sameShape(broadcast(shape, c.shape), shape))
    throw new Error(`matmul: [${c.shape}] does not add to [${shape}]`);
  return [{ dtype: 'float32', shape }];
}

/** Types of an op's results; throws a plain Error on a malformed graph, which is a bug of whoever built it. */
export const shapeRules: { [Op in OpName]: ShapeRule<Op> } = {
  input: (_, { dtype, shape }) => [{ dtype, shape }],
  weight: (_, { dtype, shape }) => [{ dtype, shape }],
  constant: (_, { dtype, shape }) => [{ dtype, shape }],
  add: elementwise,
  sub: elementwise,
  mul: elementwise,
  div: elementwise,
  exp: like,
  erf: like,
  sqrt: like,
  tanh: like,
  sigmoid: like,
  softplus: like,
  relu: like,
  step: like,
  gelu: like,
  softmax: like,
  logSoftmax: like,
  matmul: matmulShape,
  detach: like,
  cast: ([x]) => [{ dtype: 'float32', shape: x!.shape }],
  quantizedLinear: ([x, w]) => [{ dtype: 'float32', shape: [x!.shape[0]!, w!.shape[1]!] }],
  blockQuantizedLinear: ([x, w]) => [{ dtype: 'float32', shape: [x!.shape[0]!, w!.shape[0]!] }],
  blockDequantize: ([w], { block }) => [
    { dtype: 'float32', shape: [w!.shape[0]!, (w!.shape[1] as number) * block] },
  ],
  transpose: ([x], { perm }) => [{ dtype: x!.dtype, shape: perm.map(axis => x!.shape[axis]!) }],
  reshape: ([x], { shape }) => {
    if (product(shape) !== product(x!.shape)) throw new Error(`cannot reshape [${x!.shape}] to [${shape}]`);
    return [{ dtype: x!.dtype, shape }];
  },
  concat: (inputs, { axis }) => {
    const sizes = inputs.map(input => input.shape[axis]!);
    const shape: Dim[] = [...inputs[0]!.shape];
    // A sum that is no product stands for itself: R+1.
    shape[axis] = sum(sizes) ?? sizes.join('+');
    return [{ dtype: inputs[0]!.dtype, shape }];
  },
  split: ([x], { axis, sizes }) => {
    if (sum(sizes) !== x!.shape[axis])
      throw new Error(`split of [${x!.shape}] on axis ${axis} into ${sizes}`);
    return sizes.map(size => ({
      dtype: x!.dtype,
      shape: x!.shape.map((dim, i) => (i === axis ? size : dim)),
    }));
  },
  sum: ([x], { axes }) => [
    { dtype: x!.dtype, shape: x!.shape.map((dim, i) => (axes.includes(i) ? 1 : dim)) },
  ],
  expand: ([x], { shape }) => {
    if (!sameShape(broadcast(x!.shape, shape), shape))
      throw new Error(`cannot expand [${x!.shape}] to [${shape}]`);
    return [{ dtype: x!.dtype, shape }];
  },
  gather: ([table, indices]) => [
    { dtype: table!.dtype, shape: [...indices!.shape, ...table!.shape.slice(1)] },
  ],
  scatterAdd: ([rows], { rows: count }) => [{ dtype: rows!.dtype, shape: [count, rows!.shape.at(-1)!] }],
  replaceRows: like,
  dropoutMask: (_, { shape }) => [{ dtype: 'float32', shape }],
  layerNorm: ([x]) => {
    const reduced = { dtype: x!.dtype, shape: [...x!.shape.slice(0, -1), 1] };
    return [x!, reduced, reduced];
  },
};
