/**
 * The one ONNX emitter: lowers each primitive to ONNX (opset 21) and onnxruntime's contributed operators. Frozen weights
 * stay outside, at their offset in the weights file. Symbols become named dimensions.
 */

import { attribute, dataTypes, encodeModel, type OnnxNode } from './onnx-schema.ts';
import type { Attributes, DType, OpName } from './ops.ts';
import { type Dim, factorOf, type Shape, symbolsOf } from './shape.ts';
import { type Node, topologicalOrder, type Value } from './value.ts';

/** Where frozen weights are: a file beside the model, and the place of each tensor (little-endian float32) in it. */
export interface ExternalWeights {
  location: string;
  tensors: ReadonlyMap<string, { offset: number; bytes: number }>;
}

export interface OnnxOptions {
  outputs: Readonly<Record<string, Value>>;
  weights?: ExternalWeights;
}

class Emitter {
  readonly nodes: OnnxNode[] = [];
  readonly initializers: object[] = [];
  readonly inputs: object[] = [];
  readonly #names = new Map<Value, string>();
  readonly #constants = new Map<string, string>();
  readonly #quantized = new Map<string, { q: string; rowScales: string }>();
  readonly #symbols = new Map<string, { input: string; axis: number }>();
  readonly #weights: ExternalWeights | undefined;

  constructor(weights: ExternalWeights | undefined) {
    this.#weights = weights;
  }

  name(value: Value): string {
    let name = this.#names.get(value);
    if (name === undefined) {
      name = `v${value.node.id}.${value.output}`;
      this.#names.set(value, name);
    }
    return name;
  }

  rename(value: Value, name: string) {
    this.#names.set(value, name);
  }

  emit(opType: string, input: string[], output: string[], attributes: object[] = [], domain?: string) {
    this.nodes.push({ opType, input, output, attribute: attributes, ...(domain ? { domain } : {}) });
  }

  /** Emits a node with one fresh intermediate result and returns its name. */
  temporary(opType: string, input: string[], attributes: object[] = []): string {
    const name = `t${this.nodes.length}`;
    this.emit(opType, input, [name], attributes);
    return name;
  }

  constant(data: readonly number[], shape: readonly number[], type: keyof typeof dataTypes): string {
    const key = `${type}[${shape}]${data}`;
    let name = this.#constants.get(key);
    if (name === undefined) {
      name = `c${this.#constants.size}`;
      this.#constants.set(key, name);
      const array = tensorData(data, type);
      this.initializers.push({
        name,
        dims: shape,
        dataType: dataTypes[type],
        rawData: new Uint8Array(array.buffer),
      });
    }
    return name;
  }

  input(value: Value, { name, dtype, shape }: Attributes['input']) {
    this.rename(value, name);
    this.inputs.push(valueInfo(name, dtype, shape));
    shape.forEach((dim, axis) => {
      if (typeof dim === 'string' && !this.#symbols.has(dim)) this.#symbols.set(dim, { input: name, axis });
    });
  }

  weight(value: Value, { name, shape, dtype }: Attributes['weight']) {
    const place = this.#weights?.tensors.get(name);
    if (!place) throw new Error(`the weights file has no tensor ${name}`);
    this.rename(value, name);
    const externalData = Object.entries({
      location: this.#weights!.location,
      offset: place.offset,
      length: place.bytes,
    });
    this.initializers.push({
      name,
      dims: shape,
      dataType: dataTypes[dtype],
      dataLocation: 1,
      externalData: externalData.map(([key, entry]) => ({ key, value: String(entry) })),
    });
  }

  /**
   * Rows of a float tensor as uint8 around 128, and their scales [rows, 1]: max |row| / levels. Shared by all readers. A row
   * of zeros has scale 0, and whatever it rounds to is multiplied by that.
   */
  quantizedRows(x: string, rows: Dim, levels: number): { q: string; rowScales: string } {
    const key = `quantized ${levels} ${x}`;
    let known = this.#quantized.get(key);
    if (!known) {
      const lastAxis = this.constant([1], [1], 'int64');
      const max = this.temporary(
        'ReduceMax',
        [this.temporary('Abs', [x]), lastAxis],
        [attribute('keepdims', 1)],
      );
      const rowScales = this.temporary('Mul', [max, this.constant([1 / levels], [], 'float32')]);
      const flat = this.temporary('Reshape', [rowScales, this.constant([-1], [1], 'int64')]);
      const zeroPoints = this.#zeroPoints(rows);
      known = {
        q: this.temporary('QuantizeLinear', [x, flat, zeroPoints], [attribute('axis', 0)]),
        rowScales,
      };
      this.#quantized.set(key, known);
    }
    return known;
  }

  /** Name of an int64 tensor with this shape; at most one symbolic dimension becomes -1 where `infer` allows it. */
  shape(shape: Shape, infer: boolean): string {
    const symbolic = shape.filter(dim => typeof dim === 'string');
    if (symbolic.length === 0 || (infer && symbolic.length === 1))
      return this.constant(
        shape.map(dim => (typeof dim === 'string' ? -1 : dim)),
        [shape.length],
        'int64',
      );
    const key = `shape[${shape}]`;
    let name = this.#constants.get(key);
    if (name === undefined) {
      name = this.temporary(
        'Concat',
        shape.map(dim => this.#dimension(dim)),
        [attribute('axis', 0)],
      );
      this.#constants.set(key, name);
    }
    return name;
  }

  /** 128 for each of so many rows. */
  #zeroPoints(rows: Dim): string {
    const key = `zero points ${rows}`;
    let name = this.#constants.get(key);
    if (name === undefined) {
      name = this.temporary('Expand', [this.constant([128], [1], 'uint8'), this.shape([rows], false)]);
      this.#constants.set(key, name);
    }
    return name;
  }

  #dimension(dim: Dim): string {
    if (typeof dim === 'number') return this.constant([dim], [1], 'int64');
    const key = `dim ${dim}`;
    let name = this.#constants.get(key);
    if (name === undefined) {
      const factors = symbolsOf(dim).map(symbol => {
        const source = this.#symbols.get(symbol);
        if (!source) throw new Error(`no input has dimension ${symbol} by itself`);
        return this.temporary(
          'Shape',
          [source.input],
          [attribute('start', source.axis), attribute('end', source.axis + 1)],
        );
      });
      if (factorOf(dim) !== 1) factors.push(this.constant([factorOf(dim)], [1], 'int64'));
      name = factors.reduce((a, b) => this.temporary('Mul', [a, b]));
      this.#constants.set(key, name);
    }
    return name;
  }
}

type Lowering<Op extends OpName> = (e: Emitter, node: Node<Op>, input: string[], output: string[]) => void;

const direct =
  <Op extends OpName>(opType: string): Lowering<Op> =>
  (e, _, input, output) =>
    e.emit(opType, input, output);
const lastAxis =
  <Op extends OpName>(opType: string): Lowering<Op> =>
  (e, _, input, output) =>
    e.emit(opType, input, output, [attribute('axis', -1)]);

const microsoft = 'com.microsoft';

const lowerings: { [Op in OpName]: Lowering<Op> } = {
  input: (e, node) => e.input(node.outputs[0]!, node.attributes),
  weight: (e, node) => e.weight(node.outputs[0]!, node.attributes),
  constant: (e, { outputs, attributes }) =>
    e.rename(outputs[0]!, e.constant(attributes.data, attributes.shape as number[], attributes.dtype)),
  add: direct('Add'),
  sub: direct('Sub'),
  mul: direct('Mul'),
  div: direct('Div'),
  exp: direct('Exp'),
  erf: direct('Erf'),
  tanh: direct('Tanh'),
  sigmoid: direct('Sigmoid'),
  softplus: direct('Softplus'),
  relu: direct('Relu'),
  step: (e, _, input, output) => e.emit('Sign', [e.temporary('Relu', input)], output),
  gelu: (e, _, input, output) => e.emit('Gelu', input, output, [], microsoft),
  softmax: lastAxis('Softmax'),
  logSoftmax: lastAxis('LogSoftmax'),
  matmul: (e, { inputs, attributes: { transA, transB, alpha } }, [a, b, c], [out]) => {
    if (inputs[0]!.shape.length === 2) {
      const flags = [attribute('transA', Number(transA)), attribute('transB', Number(transB))];
      if (alpha !== 1) flags.push(attribute('alpha', alpha, true));
      e.emit('Gemm', c ? [a!, b!, c] : [a!, b!], [out!], flags);
      return;
    }
    const result = c ? `${out}.product` : out!;
    if (!transA && !transB && alpha === 1) e.emit('MatMul', [a!, b!], [result]);
    else {
      const flags = [
        attribute('transA', Number(transA)),
        attribute('transB', Number(transB)),
        attribute('alpha', alpha, true),
      ];
      e.emit('FusedMatMul', [a!, b!], [result], flags, microsoft);
    }
    if (c) e.emit('Add', [result, c], [out!]);
  },
  cast: (e, _, input, output) => e.emit('Cast', input, output, [attribute('to', dataTypes.float32)]),
  quantizedLinear: (e, { inputs, attributes: { levels } }, [x, w, scales, c], [out]) => {
    const { q, rowScales } = e.quantizedRows(x!, inputs[0]!.shape[0]!, levels);
    const zeroPoint = e.constant([128], [], 'uint8');
    const product = `${out}.product`;
    e.emit(
      'MatMulIntegerToFloat',
      [q, w!, e.constant([1], [], 'float32'), scales!, zeroPoint],
      [product],
      [],
      microsoft,
    );
    const scaled = c ? `${out}.scaled` : out!;
    e.emit('Mul', [product, rowScales], [scaled]);
    if (c) e.emit('Add', [scaled, c], [out!]);
  },
  blockQuantizedLinear: (e, { inputs, attributes: { block } }, [x, w, scales, c], output) => {
    const [n, blocks] = inputs[1]!.shape as number[];
    const flags = { K: blocks! * block, N: n!, bits: 8, block_size: block, accuracy_level: 4 };
    const attributes = Object.entries(flags).map(([key, value]) => attribute(key, value));
    e.emit(
      'MatMulNBits',
      c ? [x!, w!, scales!, '', '', c] : [x!, w!, scales!],
      output,
      attributes,
      microsoft,
    );
  },
  transpose: (e, { attributes }, input, output) =>
    e.emit('Transpose', input, output, [attribute('perm', attributes.perm)]),
  reshape: (e, { attributes }, input, output) =>
    e.emit('Reshape', [input[0]!, e.shape(attributes.shape, true)], output),
  concat: (e, { attributes }, input, output) =>
    e.emit('Concat', input, output, [attribute('axis', attributes.axis)]),
  split: (e, { attributes: { axis, sizes } }, input, output) => {
    const flags = [attribute('axis', axis)];
    if (sizes.every(size => typeof size === 'number'))
      e.emit('Split', [input[0]!, e.constant(sizes, [sizes.length], 'int64')], output, flags);
    else e.emit('Split', input, output, [...flags, attribute('num_outputs', sizes.length)]);
  },
  sum: (e, { attributes: { axes } }, input, output) =>
    e.emit('ReduceSum', [input[0]!, e.constant(axes, [axes.length], 'int64')], output, [
      attribute('keepdims', 1),
    ]),
  expand: (e, { attributes }, input, output) =>
    e.emit('Expand', [input[0]!, e.shape(attributes.shape, false)], output),
  gather: direct('Gather'),
  scatterAdd: (e, { attributes, outputs }, [rows, indices], output) => {
    const width = outputs[0]!.shape[1] as number;
    const table = e.temporary('Expand', [
      e.constant([0], [1], 'float32'),
      e.constant([attributes.rows, width], [2], 'int64'),
    ]);
    const flat = e.temporary('Reshape', [rows!, e.constant([-1, width], [2], 'int64')]);
    const column = e.temporary('Reshape', [indices!, e.constant([-1, 1], [2], 'int64')]);
    const places = e.temporary('Cast', [column], [attribute('to', dataTypes.int64)]);
    e.emit('ScatterND', [table, places, flat], output, [attribute('reduction', 'add')]);
  },
  layerNorm: (e, { attributes }, input, output) =>
    e.emit('LayerNormalization', input, output, [
      attribute('axis', -1),
      attribute('epsilon', attributes.epsilon, true),
    ]),
};

function tensorData(data: readonly number[], type: keyof typeof dataTypes) {
  if (type === 'int64') return BigInt64Array.from(data, BigInt);
  if (type === 'int32') return Int32Array.from(data);
  if (type === 'int8') return Int8Array.from(data);
  return type === 'uint8' ? Uint8Array.from(data) : Float32Array.from(data);
}

function valueInfo(name: string, dtype: DType, shape: Shape): object {
  const dim = shape.map(size => (typeof size === 'number' ? { dimValue: size } : { dimParam: size }));
  return { name, type: { tensorType: { elemType: dataTypes[dtype], shape: { dim } } } };
}

/** Serializes the part of a graph that `outputs` need as an ONNX model. */
export function emitOnnx({ outputs, weights }: OnnxOptions): Uint8Array {
  const e = new Emitter(weights);
  const order = topologicalOrder(Object.values(outputs));
  const used = new Set(order.flatMap(node => node.inputs));
  for (const value of Object.values(outputs)) used.add(value);
  // Inputs first, so that every symbol has its source.
  for (const node of order.filter(({ op }) => op === 'input'))
    lowerings.input(e, node as Node<'input'>, [], []);
  for (const node of order) {
    if (node.op === 'input') continue;
    const lower = lowerings[node.op] as Lowering<OpName>;
    // Optional results that nobody reads are named '', which tells the runtime to skip them.
    const names = node.outputs.map(output => (used.has(output) || node.op === 'split' ? e.name(output) : ''));
    while (names.at(-1) === '') names.pop();
    lower(
      e,
      node,
      node.inputs.map(input => e.name(input)),
      names,
    );
  }
  const results = Object.entries(outputs).map(([name, value]) => {
    e.emit('Identity', [e.name(value)], [name]);
    return valueInfo(name, value.dtype, value.shape);
  });
  return encodeModel({
    irVersion: 10,
    producerName: 'veneer',
    opsetImport: [
      { domain: '', version: 21 },
      { domain: microsoft, version: 1 },
    ],
    graph: { name: 'veneer', node: e.nodes, initializer: e.initializers, input: e.inputs, output: results },
  });
}
