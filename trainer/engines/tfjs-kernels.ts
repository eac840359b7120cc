/** What each primitive is in TensorFlow.js ops, whichever backend is behind them. */
import type { Blocks, DType, OpName } from '../graph/ops.ts';
import type { Shape } from '../graph/shape.ts';
import { dropoutMask } from '../random.ts';
import type { HostTensor } from './engine.ts';
import type { PlanStep } from './plan.ts';
import type { Tensor, Tensor1D, Tf } from './tensorflow.ts';

export interface Operand {
  tensor: Tensor;
  slot: number;
  transposed: boolean;
}

export interface KernelContext {
  tf: Tf;
  fed: Readonly<Record<string, HostTensor>>;
  size(shape: Shape): number[];
  /** alpha a b, in the precision of the run. */
  matMul(a: Operand, b: Operand, alpha: number): Tensor;
}

/** TensorFlow.js has no 8-bit types; their values are exact in float32. */
export function hostType(dtype: DType): 'float32' | 'int32' {
  return dtype === 'int32' ? 'int32' : 'float32';
}

/** Runs within `tidy`: what it does not return is freed behind it. */
export type Kernel<Op extends OpName> = (
  context: KernelContext,
  step: PlanStep<Op>,
  inputs: Tensor[],
) => Tensor[];

const unary =
  <Op extends OpName>(f: (tf: Tf, x: Tensor) => Tensor): Kernel<Op> =>
  ({ tf }, _, [x]) => [f(tf, x!)];
const binary =
  <Op extends OpName>(f: (tf: Tf, a: Tensor, b: Tensor) => Tensor): Kernel<Op> =>
  ({ tf }, _, [a, b]) => [f(tf, a!, b!)];

/** A block-quantized weight as float32 [out, in]. */
function dequantized(tf: Tf, w: Tensor, scales: Tensor, { block, bits }: Blocks): Tensor {
  const [n, blocks] = w.shape as [number, number, number];
  const high = tf.floor(tf.div(w, 16));
  const numbers = bits === 8 ? w : tf.stack([tf.sub(w, tf.mul(high, 16)), high], 3);
  const rows = tf.sub(numbers.reshape([n, blocks, block]), 2 ** (bits - 1));
  return tf.mul(rows, scales.reshape([n, blocks, 1])).reshape([n, blocks * block]);
}

export const kernels: { [Op in OpName]: Kernel<Op> } = {
  input: ({ tf, fed }, { attributes: { name, dtype } }) => [
    tf.tensor(fed[name]!.data, fed[name]!.shape as number[], hostType(dtype)),
  ],
  // Made before the first run.
  weight: () => [],
  constant: () => [],
  add: binary((tf, a, b) => tf.add(a, b)),
  sub: binary((tf, a, b) => tf.sub(a, b)),
  mul: binary((tf, a, b) => tf.mul(a, b)),
  div: binary((tf, a, b) => tf.div(a, b)),
  exp: unary((tf, x) => tf.exp(x)),
  erf: unary((tf, x) => tf.erf(x)),
  sqrt: unary((tf, x) => tf.sqrt(x)),
  tanh: unary((tf, x) => tf.tanh(x)),
  sigmoid: unary((tf, x) => tf.sigmoid(x)),
  softplus: unary((tf, x) => tf.softplus(x)),
  relu: unary((tf, x) => tf.relu(x)),
  step: unary((tf, x) => tf.step(x)),
  gelu: unary((tf, x) => tf.mul(x, tf.mul(0.5, tf.add(1, tf.erf(tf.mul(x, Math.SQRT1_2)))))),
  softmax: unary((tf, x) => tf.softmax(x)),
  logSoftmax: unary((tf, x) => tf.logSoftmax(x)),
  matmul: ({ tf, matMul }, { attributes: { transA, transB, alpha }, inputs: slots }, [a, b, c]) => {
    const [left, right] = [
      { tensor: a!, slot: slots[0]!, transposed: transA },
      { tensor: b!, slot: slots[1]!, transposed: transB },
    ];
    const product = matMul(left, right, alpha);
    return [c ? tf.add(product, c) : product];
  },
  detach: unary((tf, x) => tf.clone(x)),
  cast: unary((tf, x) => tf.cast(x, 'float32')),
  quantizedLinear: ({ tf }, { attributes: { levels, shift } }, [x, w, scales, c]) => {
    const shifted = tf.add(x!, shift ?? 0);
    const size = shift === null ? tf.abs(shifted) : shifted;
    const rowScale = tf.div(tf.max(size, -1, true), shift === null ? levels : 2 * levels + 1);
    const q = tf.round(tf.divNoNan(shifted, rowScale));
    const product = tf.mul(tf.mul(tf.matMul(q, w!), scales!), rowScale);
    return [c ? tf.add(product, c) : product];
  },
  // Weights alone are rounded here; the operator rounds activations too.
  blockQuantizedLinear: ({ tf }, { attributes }, [x, w, scales, c]) => {
    const product = tf.matMul(x!, dequantized(tf, w!, scales!, attributes), false, true);
    return [c ? tf.add(product, c) : product];
  },
  blockDequantize: ({ tf }, { attributes }, [w, scales]) => [dequantized(tf, w!, scales!, attributes)],
  transpose: ({ tf }, { attributes: { perm } }, [x]) => [tf.transpose(x!, [...perm])],
  reshape: ({ tf, size }, { attributes: { shape } }, [x]) => [tf.reshape(x!, size(shape))],
  concat: ({ tf }, { attributes: { axis } }, parts) => [tf.concat(parts, axis)],
  split: ({ tf, size }, { attributes: { axis, sizes } }, [x]) => tf.split(x!, size(sizes), axis),
  sum: ({ tf }, { attributes: { axes } }, [x]) => [tf.sum(x!, [...axes], true)],
  expand: ({ tf, size }, { attributes: { shape } }, [x]) => [tf.broadcastTo(x!, size(shape))],
  gather: ({ tf }, _, [table, indices]) => [tf.gather(table!, indices! as Tensor1D)],
  scatterAdd: ({ tf }, { attributes: { rows }, types }, [x, indices]) => {
    const width = types[0]!.shape[1] as number;
    return [tf.unsortedSegmentSum(x!.reshape([-1, width]), indices!.reshape([-1]) as Tensor1D, rows)];
  },
  // Of a copy: the CPU backend (4.22) writes into what it is given.
  replaceRows: ({ tf }, _, [x, indices, rows]) => [
    tf.tensorScatterUpdate(tf.add(x!, 0), indices!.reshape([-1, 1]), rows!),
  ],
  dropoutMask: ({ tf, size }, { attributes: { shape, rate, site } }, [keys]) => {
    const dims = size(shape);
    const key = keys!.dataSync()[site]!;
    return [tf.tensor(dropoutMask(key, { size: dims.reduce((a, b) => a * b, 1), rate }), dims)];
  },
  layerNorm: ({ tf }, { attributes: { epsilon } }, [x, gamma, beta]) => {
    // Not tf.moments, which would subtract the mean a second time.
    const mean = tf.mean(x!, -1, true);
    const centered = tf.sub(x!, mean);
    const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centered), -1, true), epsilon));
    return [tf.add(tf.mul(tf.mul(centered, inverse), gamma!), beta!), mean, inverse];
  },
};
