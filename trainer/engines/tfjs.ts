/**
 * The tfjs engine: interprets the graph with TensorFlow.js ops, whichever backend the given module has. It shares nothing
 * with the ONNX lowering but the graph, so it is the oracle that engine is checked against.
 */
import type * as TensorFlow from '@tensorflow/tfjs';
import type { Blocks, DType, OpName } from '../graph/ops.ts';
import { bind, evaluate, type Shape } from '../graph/shape.ts';
import { type Node, topologicalOrder, type Value } from '../graph/value.ts';
import { dropoutMask } from '../random.ts';
import { readWeight } from '../weights.ts';
import type { Engine, HostTensor, Program, ProgramSource } from './engine.ts';

type Tf = typeof TensorFlow;
type Tensor = TensorFlow.Tensor;

interface Context {
  tf: Tf;
  inputs: Readonly<Record<string, Tensor>>;
  weights: ReadonlyMap<string, Tensor>;
  size(shape: Shape): number[];
}

type Kernel<Op extends OpName> = (context: Context, node: Node<Op>, inputs: Tensor[]) => Tensor[];

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

const kernels: { [Op in OpName]: Kernel<Op> } = {
  input: ({ inputs }, { attributes: { name } }) => [inputs[name]!],
  weight: ({ weights }, { attributes: { name } }) => [weights.get(name)!],
  constant: ({ tf }, { attributes: { data, shape, dtype } }) => [
    tf.tensor([...data], shape as number[], hostType(dtype)),
  ],
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
  matmul: ({ tf }, { attributes: { transA, transB, alpha } }, [a, b, c]) => {
    const product = tf.mul(tf.matMul(a!, b!, transA, transB), alpha);
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
  gather: ({ tf }, _, [table, indices]) => [tf.gather(table!, indices! as TensorFlow.Tensor1D)],
  scatterAdd: ({ tf }, { attributes: { rows }, outputs }, [x, indices]) => {
    const width = outputs[0]!.shape[1] as number;
    return [
      tf.unsortedSegmentSum(x!.reshape([-1, width]), indices!.reshape([-1]) as TensorFlow.Tensor1D, rows),
    ];
  },
  dropoutMask: ({ tf, size }, { attributes: { shape, rate, site } }, [keys]) => {
    const dims = size(shape);
    const key = keys!.dataSync()[site]!;
    return [tf.tensor(dropoutMask(key, { size: dims.reduce((a, b) => a * b, 1), rate }), dims)];
  },
  layerNorm: ({ tf }, { attributes: { epsilon } }, [x, gamma, beta]) => {
    const { mean, variance } = tf.moments(x!, -1, true);
    const inverse = tf.rsqrt(tf.add(variance, epsilon));
    return [tf.add(tf.mul(tf.mul(tf.sub(x!, mean), inverse), gamma!), beta!), mean, inverse];
  },
};

/** TensorFlow.js has no 8-bit types; their values are exact in float32. */
function hostType(dtype: DType): 'float32' | 'int32' {
  return dtype === 'int32' ? 'int32' : 'float32';
}

/** For each node of the order, the values whose last reader it is. */
function lastUses(order: readonly Node[], outputs: readonly Value[]): Value[][] {
  const kept = new Set(outputs);
  const last = new Map<Value, number>();
  order.forEach((node, index) => {
    for (const value of [...node.inputs, ...node.outputs]) last.set(value, index);
  });
  const freed: Value[][] = order.map(() => []);
  for (const [value, index] of last)
    if (!kept.has(value) && value.node.op !== 'input' && value.node.op !== 'weight')
      freed[index]!.push(value);
  return freed;
}

async function readWeights(
  tf: Tf,
  nodes: readonly Node[],
  weights: ProgramSource['weights'],
): Promise<Map<string, Tensor>> {
  const tensors = new Map<string, Tensor>();
  const needed = nodes.filter((node): node is Node<'weight'> => node.op === 'weight');
  if (needed.length === 0) return tensors;
  if (!weights) throw new Error('the graph has frozen weights, but no weights file was given');
  for (const { attributes } of needed) {
    const data = await readWeight(weights, attributes.name);
    if (!data) throw new Error(`the weights file has no tensor ${attributes.name}`);
    tensors.set(attributes.name, tf.tensor(data, attributes.shape as number[]));
  }
  return tensors;
}

async function compile(tf: Tf, { outputs, weights }: ProgramSource): Promise<Program> {
  const results = Object.values(outputs);
  const order = topologicalOrder(results);
  const freed = lastUses(order, results);
  const frozen = await readWeights(tf, order, weights);

  const execute = (fed: Readonly<Record<string, HostTensor>>): Tensor[] => {
    const symbols = new Map<string, number>();
    const inputs: Record<string, Tensor> = {};
    for (const node of order as Node<'input'>[]) {
      if (node.op !== 'input') continue;
      const { name, shape, dtype } = node.attributes;
      const tensor = fed[name];
      if (!tensor) throw new Error(`input ${name} is missing`);
      bind(shape, tensor.shape, symbols, `input ${name}`);
      inputs[name] = tf.tensor(tensor.data, tensor.shape as number[], hostType(dtype));
    }
    const context: Context = {
      tf,
      inputs,
      weights: frozen,
      size: shape => shape.map(dim => evaluate(dim, symbols)),
    };
    const values = new Map<Value, Tensor>();
    order.forEach((node, index) => {
      const kernel = kernels[node.op] as Kernel<OpName>;
      const made = tf.tidy(() =>
        kernel(
          context,
          node,
          node.inputs.map(input => values.get(input)!),
        ),
      );
      made.forEach((tensor, i) => {
        values.set(node.outputs[i]!, tensor);
      });
      for (const value of freed[index]!) {
        values.get(value)!.dispose();
        values.delete(value);
      }
    });
    const answers = results.map(value => values.get(value)!.clone());
    for (const tensor of [...values.values(), ...Object.values(inputs)])
      if (![...frozen.values()].includes(tensor)) tensor.dispose();
    return answers;
  };

  return {
    async run(inputs) {
      const tensors = execute(inputs);
      const answers: Record<string, HostTensor> = {};
      for (const [i, name] of Object.keys(outputs).entries()) {
        const tensor = tensors[i]!;
        const data = (await tensor.data()) as Float32Array | Int32Array;
        answers[name] = { dtype: tensor.dtype as HostTensor['dtype'], shape: tensor.shape, data };
        tensor.dispose();
      }
      return answers;
    },
    async close() {
      for (const tensor of frozen.values()) tensor.dispose();
    },
  };
}

/** @param tf `@tensorflow/tfjs`, `@tensorflow/tfjs-node` or `@tensorflow/tfjs-node-gpu`. */
export function tfjsEngine(tf: Tf): Engine {
  return { name: 'tfjs', compile: source => compile(tf, source) };
}
