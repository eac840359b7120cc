/**
 * The one ONNX emitter: lowers each primitive to ONNX (opset 21) and onnxruntime's contributed operators or, for models that
 * stand alone, to the ONNX standard (opset 20, the first with Gelu). Frozen weights are at their offset in a file outside,
 * or inside. Symbols become named dimensions.
 */

import { dropThreshold, mixFactors } from '../random.ts';
import { Emitter, type ExternalWeights, type InlineWeights } from './onnx-emitter.ts';
import { attribute, dataTypes, encodeModel } from './onnx-schema.ts';
import type { OpName } from './ops.ts';
import { type Node, topologicalOrder, type Value } from './value.ts';

export interface OnnxOptions {
  outputs: Readonly<Record<string, Value>>;
  weights?: ExternalWeights | InlineWeights;
  /** A model for any runtime: operators of the ONNX standard alone, and inputs of its own. */
  standalone?: Standalone;
}

export interface Standalone {
  /** Declares the model's inputs and emits, under their names, those of the graph that are not among them. */
  inputs(e: Emitter): void;
  symbolNames: Readonly<Record<string, string>>;
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

function lastTwoSwapped(rank: number): number[] {
  return Array.from({ length: rank }, (_, i) => (i < rank - 2 ? i : 2 * rank - 3 - i));
}

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
  sqrt: direct('Sqrt'),
  tanh: direct('Tanh'),
  sigmoid: direct('Sigmoid'),
  softplus: direct('Softplus'),
  relu: direct('Relu'),
  step: (e, _, input, output) => e.emit('Sign', [e.temporary('Relu', input)], output),
  gelu: (e, _, input, output) => e.emit('Gelu', input, output, [], e.isStandard ? '' : microsoft),
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
    else if (e.isStandard) {
      const rank = inputs[0]!.shape.length;
      const turned = (x: string, isTurned: boolean) =>
        isTurned ? e.temporary('Transpose', [x], [attribute('perm', lastTwoSwapped(rank))]) : x;
      const product = e.temporary('MatMul', [turned(a!, transA), turned(b!, transB)]);
      e.emit('Mul', [product, e.constant([alpha], [], 'float32')], [result]);
    } else {
      const flags = [
        attribute('transA', Number(transA)),
        attribute('transB', Number(transB)),
        attribute('alpha', alpha, true),
      ];
      e.emit('FusedMatMul', [a!, b!], [result], flags, microsoft);
    }
    if (c) e.emit('Add', [result, c], [out!]);
  },
  detach: direct('Identity'),
  cast: (e, _, input, output) => e.emit('Cast', input, output, [attribute('to', dataTypes.float32)]),
  quantizedLinear: (e, { inputs, attributes }, [x, w, scales, c], [out]) => {
    const { q, rowScales } = e.quantizedRows(x!, inputs[0]!.shape[0]!, attributes);
    const zeroPoint = e.constant([attributes.shift === null ? 128 : 0], [], 'uint8');
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
  blockDequantize: (e, { inputs, attributes: { block, bits } }, [, scales], output) => {
    const [n, blocks] = inputs[0]!.shape as [number, number];
    const type = bits === 4 ? 'uint4' : 'uint8';
    const weight = e.view(inputs[0]!, [n, blocks * block], type);
    const byBlock = e.temporary('Reshape', [scales!, e.constant([n, blocks], [2], 'int64')]);
    const zero = e.constant(new Array<number>(n * blocks).fill(2 ** (bits - 1)), [n, blocks], type);
    const flags = [attribute('axis', 1), attribute('block_size', block)];
    e.emit('DequantizeLinear', [weight, byBlock, zero], output, flags);
  },
  blockQuantizedLinear: (e, { inputs, attributes: { block, bits } }, [x, w, scales, c], output) => {
    const [n, blocks] = inputs[1]!.shape as number[];
    const flags = { K: blocks! * block, N: n!, bits, block_size: block, accuracy_level: 4 };
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
  // Dimensions that are known at the run may be 0, which else would stand for that of the input.
  reshape: (e, { attributes: { shape } }, input, output) => {
    const symbolic = shape.filter(dim => typeof dim === 'string');
    const flags = symbolic.length > 1 ? [attribute('allowzero', 1)] : [];
    e.emit('Reshape', [input[0]!, e.shape(shape, true)], output, flags);
  },
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
  replaceRows: (e, _, [x, indices, rows], output) => {
    const column = e.temporary('Reshape', [indices!, e.constant([-1, 1], [2], 'int64')]);
    const places = e.temporary('Cast', [column], [attribute('to', dataTypes.int64)]);
    e.emit('ScatterND', [x!, places, rows!], output);
  },
  // The last xor-shift of `mix` changes no bit that a threshold in steps of 2^16 looks at.
  dropoutMask: (e, { attributes: { shape, rate, site } }, [keys], output) => {
    const word = (value: number) => e.constant([value], [], 'uint32');
    const picked = e.temporary('Gather', [keys!, e.constant([site], [], 'int64')]);
    const key = e.temporary('Cast', [picked], [attribute('to', dataTypes.uint32)]);
    let hash = e.temporary('BitwiseXor', [e.counters(shape), key]);
    hash = e.temporary('Mul', [hash, word(mixFactors[1])]);
    for (const [shift, factor] of [[16, mixFactors[2]] as const, [13, mixFactors[3]] as const]) {
      const high = e.temporary('BitShift', [hash, word(shift)], [attribute('direction', 'RIGHT')]);
      hash = e.temporary('Mul', [e.temporary('BitwiseXor', [hash, high]), word(factor)]);
    }
    const isDropped = e.temporary('Less', [hash, word(dropThreshold(rate))]);
    const scale = e.constant([1 / (1 - rate)], [], 'float32');
    e.emit('Where', [isDropped, e.constant([0], [], 'float32'), scale], output);
  },
  layerNorm: (e, { attributes }, input, output) =>
    e.emit('LayerNormalization', input, output, [
      attribute('axis', -1),
      attribute('epsilon', attributes.epsilon, true),
    ]),
};

/** Serializes the part of a graph that `outputs` need as an ONNX model. */
export function emitOnnx({ outputs, weights, standalone }: OnnxOptions): Uint8Array {
  const { symbolNames = {} } = standalone ?? {};
  const e = new Emitter({ weights, isStandard: standalone !== undefined, symbolNames });
  const order = topologicalOrder(Object.values(outputs));
  const used = new Set(order.flatMap(node => node.inputs));
  for (const value of Object.values(outputs)) used.add(value);
  // Inputs first, so that every symbol has its source.
  standalone?.inputs(e);
  for (const node of order.filter((node): node is Node<'input'> => node.op === 'input'))
    if (standalone) e.rename(node.outputs[0]!, node.attributes.name);
    else lowerings.input(e, node, [], []);
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
    return e.valueInfo(name, value.dtype, value.shape);
  });
  return encodeModel({
    irVersion: standalone ? 9 : 10,
    producerName: 'veneer',
    opsetImport: standalone
      ? [{ domain: '', version: 20 }]
      : [
          { domain: '', version: 21 },
          { domain: microsoft, version: 1 },
        ],
    graph: {
      name: 'veneer',
      node: e.nodes,
      initializer: e.initializers,
      input: e.inputs,
      output: results,
      valueInfo: order
        .filter(({ op }) => !['input', 'weight', 'constant'].includes(op))
        .flatMap(({ outputs }) => outputs)
        .filter(value => used.has(value))
        .map(value => e.valueInfo(e.name(value), value.dtype, value.shape)),
    },
  });
}
