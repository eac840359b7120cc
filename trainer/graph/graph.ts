/**
 * A graph under construction: one builder method per primitive.
 * Equal nodes are shared. Knows nothing of engines or files.
 */

import { type Attributes, type Blocks, type DType, type OpName, shapeRules } from './ops.ts';
import { simplifyMatmul, simplifySplit } from './rewrite.ts';
import { type Dim, product, type Shape, sameShape } from './shape.ts';
import { isOp, type Node, type Value } from './value.ts';

export class Graph {
  readonly #nodes = new Map<string, Node>();
  readonly #substitutes = new Map<string, Value>();
  /** Nodes that read each value, for rules that look at how a value is used. */
  readonly consumers = new Map<Value, Node[]>();

  node<Op extends OpName>(op: Op, inputs: readonly Value[], attributes: Attributes[Op]): readonly Value[] {
    const key = `${op}(${inputs.map(v => `${v.node.id}.${v.output}`)})${JSON.stringify(attributes)}`;
    const known = this.#nodes.get(key);
    if (known) return known.outputs;
    const outputs: Value[] = [];
    const node: Node<Op> = { op, inputs, attributes, outputs, id: this.#nodes.size };
    shapeRules[op](inputs, attributes).forEach((type, output) => {
      outputs.push({ dtype: type.dtype, shape: type.shape, node: node as Node, output });
    });
    this.#nodes.set(key, node as Node);
    for (const input of new Set(inputs)) {
      const readers = this.consumers.get(input);
      if (readers) readers.push(node as Node);
      else this.consumers.set(input, [node as Node]);
    }
    return outputs;
  }

  #one<Op extends OpName>(op: Op, inputs: readonly Value[], attributes: Attributes[Op]): Value {
    return this.node(op, inputs, attributes)[0]!;
  }

  input(name: string, shape: Shape, dtype: DType = 'float32') {
    return this.#one('input', [], { name, dtype, shape });
  }
  /** Tensor `name` of the base is `value` for whoever asks from now on. */
  substitute(name: string, value: Value) {
    this.#substitutes.set(name, value);
  }
  weight(name: string, shape: Shape, dtype: DType = 'float32') {
    return this.#substitutes.get(name) ?? this.#one('weight', [], { name, shape, dtype });
  }
  constant(data: readonly number[], shape: Shape, dtype: DType = 'float32') {
    return this.#one('constant', [], { data, shape, dtype });
  }
  scalar(value: number) {
    return this.constant([value], []);
  }
  add(a: Value, b: Value) {
    return this.#one('add', [a, b], {});
  }
  sub(a: Value, b: Value) {
    return this.#one('sub', [a, b], {});
  }
  mul(a: Value, b: Value) {
    return this.#one('mul', [a, b], {});
  }
  div(a: Value, b: Value) {
    return this.#one('div', [a, b], {});
  }
  scale(a: Value, factor: number) {
    return factor === 1 ? a : this.mul(a, this.scalar(factor));
  }
  exp(x: Value) {
    return this.#one('exp', [x], {});
  }
  erf(x: Value) {
    return this.#one('erf', [x], {});
  }
  sqrt(x: Value) {
    return this.#one('sqrt', [x], {});
  }
  tanh(x: Value) {
    return this.#one('tanh', [x], {});
  }
  sigmoid(x: Value) {
    return this.#one('sigmoid', [x], {});
  }
  softplus(x: Value) {
    return this.#one('softplus', [x], {});
  }
  relu(x: Value) {
    return this.#one('relu', [x], {});
  }
  step(x: Value) {
    return this.#one('step', [x], {});
  }
  gelu(x: Value) {
    return this.#one('gelu', [x], {});
  }
  softmax(x: Value) {
    return this.#one('softmax', [x], {});
  }
  logSoftmax(x: Value) {
    return this.#one('logSoftmax', [x], {});
  }
  matmul(
    a: Value,
    b: Value,
    options: { transA?: boolean; transB?: boolean; alpha?: number; addend?: Value | undefined } = {},
  ): Value {
    const { transA = false, transB = false, alpha = 1, addend } = options;
    return (
      simplifyMatmul(this, a, b, { transA, transB, alpha, addend }) ??
      this.#one('matmul', addend ? [a, b, addend] : [a, b], { transA, transB, alpha })
    );
  }
  /** x as a constant of the gradient. */
  detach(x: Value) {
    return this.#one('detach', [x], {});
  }
  /** Integers as float32. */
  cast(x: Value) {
    return this.#one('cast', [x], {});
  }
  quantizedLinear(
    x: Value,
    w: { weight: Value; scales: Value; bias?: Value },
    { levels, shift = null }: { levels: number; shift?: number | null },
  ) {
    return this.#one('quantizedLinear', [x, w.weight, w.scales, ...(w.bias ? [w.bias] : [])], {
      levels,
      shift,
    });
  }
  blockQuantizedLinear(x: Value, w: { weight: Value; scales: Value; bias?: Value }, blocks: Blocks) {
    return this.#one('blockQuantizedLinear', [x, w.weight, w.scales, ...(w.bias ? [w.bias] : [])], blocks);
  }
  blockDequantize(weight: Value, scales: Value, blocks: Blocks) {
    return this.#one('blockDequantize', [weight, scales], blocks);
  }
  transpose(x: Value, perm: readonly number[]) {
    return this.#one('transpose', [x], { perm });
  }
  reshape(x: Value, shape: Shape): Value {
    if (isOp(x, 'reshape')) return this.reshape(x.node.inputs[0]!, shape);
    return sameShape(x.shape, shape) ? x : this.#one('reshape', [x], { shape });
  }
  concat(parts: readonly Value[], axis: number) {
    return parts.length === 1 ? parts[0]! : this.#one('concat', parts, { axis });
  }
  split(x: Value, axis: number, sizes: readonly Dim[]): readonly Value[] {
    if (sizes.length === 1) return [x];
    return simplifySplit(this, x, axis, sizes) ?? this.node('split', [x], { axis, sizes });
  }
  /** Sum over axes, which stay with size 1. */
  sum(x: Value, axes: readonly number[]) {
    return axes.length === 0 ? x : this.#one('sum', [x], { axes });
  }
  /** Mean over the last axis, which stays with size 1. Its length must be a number. */
  meanLast(x: Value) {
    return this.scale(this.sum(x, [x.shape.length - 1]), 1 / (product(x.shape.slice(-1)) as number));
  }
  expand(x: Value, shape: Shape) {
    return this.#one('expand', [x], { shape });
  }
  gather(table: Value, indices: Value) {
    return this.#one('gather', [table, indices], {});
  }
  scatterAdd(rows: Value, indices: Value, count: number) {
    return this.#one('scatterAdd', [rows, indices], { rows: count });
  }
  replaceRows(x: Value, indices: Value, rows: Value) {
    return this.#one('replaceRows', [x, indices, rows], {});
  }
  dropoutMask(keys: Value, attributes: Attributes['dropoutMask']) {
    return this.#one('dropoutMask', [keys], attributes);
  }
  layerNorm(x: Value, gamma: Value, beta: Value, epsilon: number) {
    return this.#one('layerNorm', [x, gamma, beta], { epsilon });
  }
}
