/** Serving graphs of one base. A batch takes the one with the smallest set of adapted modules that covers it. */
import type { Head, TargetModule } from '../artifacts/manifests.ts';

export const headKinds = ['pooled', 'pooled-dense', 'token'] as const;
export type HeadKind = (typeof headKinds)[number];

/** Each one contains the one before. */
export const moduleSets = ['', 'qv', 'qkvo', 'qkvoud'] as const;

export interface Variant {
  head: HeadKind;
  modules: readonly TargetModule[];
  /** How adapter tensors are fed: int8 as stored, or float32 where a batch has an adapter that is not int8. */
  form: 'int8' | 'float32';
  /** 7-bit activations, for CPUs whose 8-bit products can saturate. Only int8 bases have both kinds. */
  narrow: boolean;
}

export function headKind(head: Head): HeadKind {
  return head.kind === 'token' ? 'token' : head.dense ? 'pooled-dense' : 'pooled';
}

/** Key of the graph in the base manifest, e.g. `token.qv`. */
export function variantName({ head, modules, form, narrow }: Variant): string {
  return `${head}.${modules.join('') || 'none'}${form === 'float32' ? '.float32' : ''}${narrow ? '.narrow' : ''}`;
}

export function modulesOf(set: string): TargetModule[] {
  return set.split('') as TargetModule[];
}

/** The smallest set with all of these modules. */
export function smallestSet(modules: Iterable<TargetModule>): TargetModule[] {
  const wanted = [...modules];
  return modulesOf(moduleSets.find(set => wanted.every(module => set.includes(module)))!);
}

const powerOfTwo = (least: number, value: number) => {
  let size = least;
  while (size < value) size *= 2;
  return size;
};

/** What ranks and numbers of labels are padded to in a batch: few sizes, so that rows of unlike adapters share one. */
export const paddedRank = (rank: number) => powerOfTwo(8, rank);
export const paddedLabels = (labels: number) => powerOfTwo(16, labels);
