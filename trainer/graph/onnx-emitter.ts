/**
 * Names, constants and shapes of an ONNX model under construction: what lowerings write with. Knows nothing of single ops
 * but what several of them share: row-wise rounding, and the counters that dropout masks hash.
 */
import { counterStart, mixFactors } from '../random.ts';
import { attribute, dataTypes, type OnnxNode } from './onnx-schema.ts';
import type { Attributes } from './ops.ts';
import { type Dim, factorOf, type Shape, symbolsOf } from './shape.ts';
import { isOp, type Node, type Value } from './value.ts';

/** Where frozen weights are: a file beside the model, and the place of each tensor (little-endian float32) in it. */
export interface ExternalWeights {
  location: string;
  tensors: ReadonlyMap<string, { offset: number; bytes: number }>;
}

type ElementType = keyof typeof dataTypes;

/** Frozen weights that the model holds itself: the little-endian bytes of each tensor. */
export interface InlineWeights {
  bytes(name: string): Uint8Array;
}

export interface EmitterOptions {
  weights: ExternalWeights | InlineWeights | undefined;
  /** Whether operators of the ONNX standard must do. */
  isStandard: boolean;
  /** Names of symbols in the model, where they are not their own. */
  symbolNames: Readonly<Record<string, string>>;
}

export class Emitter {
  readonly isStandard: boolean;
  readonly nodes: OnnxNode[] = [];
  readonly initializers: object[] = [];
  readonly inputs: object[] = [];
  readonly #names = new Map<Value, string>();
  readonly #constants = new Map<string, string>();
  readonly #quantized = new Map<string, { q: string; rowScales: string }>();
  readonly #symbols = new Map<string, { input: string; axis: number }>();
  readonly #weights: EmitterOptions['weights'];
  readonly #symbolNames: EmitterOptions['symbolNames'];

  constructor({ weights, isStandard, symbolNames }: EmitterOptions) {
    this.#weights = weights;
    this.isStandard = isStandard;
    this.#symbolNames = symbolNames;
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
    if (domain && this.isStandard) throw new Error(`${opType} is no operator of the ONNX standard`);
    this.nodes.push({ opType, input, output, attribute: attributes, ...(domain ? { domain } : {}) });
  }

  /** Emits a node with one fresh intermediate result and returns its name. */
  temporary(opType: string, input: string[], attributes: object[] = []): string {
    const name = `t${this.nodes.length}`;
    this.emit(opType, input, [name], attributes);
    return name;
  }

  constant(data: readonly number[], shape: readonly number[], type: ElementType): string {
    return this.#literal(tensorData(data, type), shape, type);
  }

  #literal(array: ArrayBufferView<ArrayBuffer>, shape: readonly number[], type: ElementType): string {
    const bytes = new Uint8Array(array.buffer);
    const key = `${type}[${shape}]${bytes}`;
    let name = this.#constants.get(key);
    if (name === undefined) {
      name = `c${this.#constants.size}`;
      this.#constants.set(key, name);
      this.initializers.push({ name, dims: shape, dataType: dataTypes[type], rawData: bytes });
    }
    return name;
  }

  input(value: Value, { name, dtype, shape }: Attributes['input']) {
    this.rename(value, name);
    this.declare(name, dtype, shape);
  }

  /** An input of the model. */
  declare(name: string, dtype: ElementType, shape: Shape) {
    this.inputs.push(this.valueInfo(name, dtype, shape));
    shape.forEach((dim, axis) => {
      if (typeof dim === 'string' && !this.#symbols.has(dim)) this.#symbols.set(dim, { input: name, axis });
    });
  }

  weight(value: Value, { name, shape, dtype }: Attributes['weight']) {
    this.rename(value, name);
    this.#frozen(name, name, shape as number[], dtype);
  }

  /** The bytes of a weight or constant as a tensor of another shape and type. */
  view({ node }: Value, shape: readonly number[], type: ElementType): string {
    if (isOp(node.outputs[0]!, 'constant')) {
      const { data, dtype } = (node as Node<'constant'>).attributes;
      return this.#literal(tensorData(data, dtype), shape, type);
    }
    const { name } = (node as Node<'weight'>).attributes;
    const view = `${name} as ${type}[${shape}]`;
    if (!this.#constants.has(view)) {
      this.#constants.set(view, view);
      this.#frozen(view, name, shape, type);
    }
    return view;
  }

  #frozen(name: string, tensor: string, shape: readonly number[], type: ElementType) {
    if (this.#weights && 'bytes' in this.#weights) {
      const rawData = this.#weights.bytes(tensor);
      this.initializers.push({ name, dims: shape, dataType: dataTypes[type], rawData });
      return;
    }
    const place = this.#weights?.tensors.get(tensor);
    if (!place) throw new Error(`the weights file has no tensor ${tensor}`);
    const externalData = Object.entries({
      location: this.#weights!.location,
      offset: place.offset,
      length: place.bytes,
    });
    this.initializers.push({
      name,
      dims: shape,
      dataType: dataTypes[type],
      dataLocation: 1,
      externalData: externalData.map(([key, entry]) => ({ key, value: String(entry) })),
    });
  }

  /**
   * Rows of a float tensor as uint8 and their scales [rows, 1], shared by all readers. Around 128: scale is max |row| /
   * levels. With a shift: x + shift from 0 up, scale is its maximum / (2 levels + 1). A row of zeros has scale 0, and
   * whatever it rounds to is multiplied by that.
   */
  quantizedRows(x: string, rows: Dim, { levels, shift }: { levels: number; shift: number | null }) {
    const key = `quantized ${levels} ${shift} ${x}`;
    let known = this.#quantized.get(key);
    if (!known) {
      const lastAxis = this.constant([1], [1], 'int64');
      const factor = this.constant([1 / (shift === null ? levels : 2 * levels + 1)], [], 'float32');
      const signed = shift === null;
      const shifted = signed ? x : this.temporary('Add', [x, this.constant([shift], [], 'float32')]);
      const size = signed ? this.temporary('Abs', [x]) : shifted;
      const max = this.temporary('ReduceMax', [size, lastAxis], [attribute('keepdims', 1)]);
      const rowScales = this.temporary('Mul', [max, factor]);
      const flat = this.temporary('Reshape', [rowScales, this.constant([-1], [1], 'int64')]);
      const inputs = [shifted, flat, this.#zeroPoints(rows, signed ? 128 : 0)];
      known = { q: this.temporary('QuantizeLinear', inputs, [attribute('axis', 0)]), rowScales };
      this.#quantized.set(key, known);
    }
    return known;
  }

  /** What `mix` makes of the word of every element of such a tensor, before any key: uint32, shared by all readers. */
  counters(shape: Shape): string {
    const key = `counters[${shape}]`;
    let name = this.#constants.get(key);
    if (name === undefined) {
      const dims = this.shape(shape, false);
      const count = this.temporary('ReduceProd', [dims], [attribute('keepdims', 0)]);
      const start = this.constant([counterStart], [], 'int64');
      const end = this.temporary('Add', [count, start]);
      const range = this.temporary('Range', [start, end, this.constant([1], [], 'int64')]);
      const words = this.temporary('Cast', [range], [attribute('to', dataTypes.uint32)]);
      const scaled = this.temporary('Mul', [words, this.constant([mixFactors[0]], [], 'uint32')]);
      name = this.temporary('Reshape', [scaled, dims]);
      this.#constants.set(key, name);
    }
    return name;
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

  valueInfo(name: string, dtype: ElementType, shape: Shape): object {
    const named = (dim: string) =>
      dim
        .split('*')
        .map(part => this.#symbolNames[part] ?? part)
        .join('*');
    const dim = shape.map(size =>
      typeof size === 'number' ? { dimValue: size } : { dimParam: named(size) },
    );
    return { name, type: { tensorType: { elemType: dataTypes[dtype], shape: { dim } } } };
  }

  /** One zero point for each of so many rows. */
  #zeroPoints(rows: Dim, value: number): string {
    const key = `zero points ${value} ${rows}`;
    let name = this.#constants.get(key);
    if (name === undefined) {
      name = this.temporary('Expand', [this.constant([value], [1], 'uint8'), this.shape([rows], false)]);
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

/** Numbers in the form that ONNX stores; 4-bit ones two a byte. */
function tensorData(data: readonly number[], type: ElementType) {
  if (type === 'uint4')
    return Uint8Array.from({ length: data.length / 2 }, (_, i) => data[2 * i]! | (data[2 * i + 1]! << 4));
  if (type === 'int64') return BigInt64Array.from(data, BigInt);
  if (type === 'int32') return Int32Array.from(data);
  if (type === 'uint32') return Uint32Array.from(data);
  if (type === 'int8') return Int8Array.from(data);
  return type === 'uint8' ? Uint8Array.from(data) : Float32Array.from(data);
}
