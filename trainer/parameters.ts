/** Trainable tensors and their place in one flat float32 vector, which the optimizer, checkpoints and clipping work on. */
import type { Counter } from './random.ts';
import { uniform } from './random.ts';

export interface Parameter {
  name: string;
  shape: readonly number[];
  /** `uniform`: in [-limit, limit). `values`: copied, e.g. a pooler from the base. */
  init: 'zeros' | { uniform: number } | { values: Float32Array };
  /** Whether weight decay applies: matrices yes, biases no. */
  decay: boolean;
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

/** Start values; the same for one seed, whatever else is drawn. */
export function initialValues(layout: Layout, random: Counter): Float32Array {
  const flat = new Float32Array(layout.size);
  layout.parameters.forEach(({ init, offset, size }, index) => {
    if (init === 'zeros') return;
    const part = flat.subarray(offset, offset + size);
    if ('values' in init) part.set(init.values);
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
