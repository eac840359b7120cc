/** Trainable tensors and their place in one flat float32 vector, which the optimizer, checkpoints and clipping work on. */
import type { HostTensor } from './engines/engine.ts';
import type { Counter } from './random.ts';
import { normal, uniform } from './random.ts';

export interface Parameter {
  name: string;
  shape: readonly number[];
  /**
   * `uniform`: in [-limit, limit). `normal`: of that standard deviation. `values`: copied, e.g. a pooler from the base.
   * `base`: a tensor of the base by its name, or what `of` makes of it, with numbers in [0, 1) where it draws any.
   */
  init:
    | 'zeros'
    | 'ones'
    | { uniform: number }
    | { normal: number }
    | { values: Float32Array }
    | { base: string; of?(tensor: Float32Array, draw: (i: number) => number): Float32Array };
  /** Whether weight decay applies: matrices yes, biases no. */
  decay: boolean;
  /** Of the head, which may learn at a rate of its own. */
  head?: true;
}

export interface Layout {
  parameters: readonly (Parameter & { offset: number; size: number })[];
  size: number;
}

export function layoutOf(parameters: readonly Parameter[]): Layout {
  let size = 0;
  const placed = parameters.map(parameter => {
    const length = parameter.shape.reduce((a, b) => a * b, 1);
    const entry = { ...parameter, offset: size, size: length };
    size += length;
    return entry;
  });
  return { parameters: placed, size };
}

/**
 * Start values; the same for one seed, whatever else is drawn.
 * @param base Tensors of the base that some parameter starts from, by name.
 */
export function initialValues(
  layout: Layout,
  random: Counter,
  base: ReadonlyMap<string, Float32Array> = new Map(),
): Float32Array {
  const flat = new Float32Array(layout.size);
  layout.parameters.forEach(({ init, offset, size }, index) => {
    if (init === 'zeros') return;
    const part = flat.subarray(offset, offset + size);
    if (init === 'ones') part.fill(1);
    else if ('values' in init) part.set(init.values);
    else if ('base' in init) {
      const tensor = base.get(init.base)!;
      part.set(init.of?.(tensor, i => uniform(random, index, i)) ?? tensor);
    } else if ('normal' in init)
      for (let i = 0; i < size; i++) part[i] = normal(random, index, i) * init.normal;
    else for (let i = 0; i < size; i++) part[i] = (2 * uniform(random, index, i) - 1) * init.uniform;
  });
  return flat;
}

/** Views of one flat vector, by name. */
export function views(layout: Layout, flat: Float32Array): Map<string, Float32Array> {
  return new Map(
    layout.parameters.map(({ name, offset, size }) => [name, flat.subarray(offset, offset + size)]),
  );
}

/** Inputs of the step graph for the parameters. */
export function parameterInputs(layout: Layout, values: Float32Array): Record<string, HostTensor> {
  const parts = views(layout, values);
  return Object.fromEntries(
    layout.parameters.map(({ name, shape }) => [name, { dtype: 'float32', shape, data: parts.get(name)! }]),
  );
}

/** A tensor of one or two dimensions at the beginning of each of a larger one's; false where it does not fit. */
export function placeBlock(
  into: Float32Array | Uint8Array,
  shape: readonly number[],
  block: { shape: readonly number[]; data: ArrayLike<number> },
): boolean {
  const [rows = 1, columns] = block.shape.length === 1 ? [1, block.shape[0]!] : block.shape;
  const width = shape.at(-1)!;
  if (shape.length !== block.shape.length || block.shape.some((size, i) => size > shape[i]!)) return false;
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < columns!; i++) into[row * width + i] = block.data[row * columns! + i]!;
  return true;
}
