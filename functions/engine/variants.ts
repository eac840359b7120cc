/** Serving graphs of one base: a kind of head by a set of adapted modules. A batch takes the smallest set that covers it. */
import type { Head, TargetModule } from '../artifacts/manifests.ts';

export const headKinds = ['pooled', 'pooled-dense', 'pooled-lora', 'token'] as const;
export type HeadKind = (typeof headKinds)[number];

/** Each one contains the one before. */
export const moduleSets = ['qv', 'qkvo', 'qkvoud'] as const;

export interface Variant {
  head: HeadKind;
  modules: readonly TargetModule[];
}

export function headKind(head: Head): HeadKind {
  if (head.kind === 'token') return 'token';
  return ({ none: 'pooled', full: 'pooled-dense', lora: 'pooled-lora' } as const)[head.dense];
}

/** Key of the graph in the base manifest. */
export function variantName({ head, modules }: Variant): string {
  return `${head}.${modules.join('')}`;
}

export function modulesOf(set: string): TargetModule[] {
  return set.split('') as TargetModule[];
}

/** The smallest set with all of these modules. */
export function smallestSet(modules: Iterable<TargetModule>): TargetModule[] {
  const wanted = [...modules];
  return modulesOf(moduleSets.find(set => wanted.every(module => set.includes(module)))!);
}
