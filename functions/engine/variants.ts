/** Serving graphs of one base. A batch takes the one with the smallest set of adapted modules that covers it. */
import type { AdapterManifest, BaseManifest, Head, TargetModule } from '../artifacts/manifests.ts';
import { VeneerError } from '../error.ts';

export const headKinds = ['pooled', 'pooled-dense', 'token'] as const;
export type HeadKind = (typeof headKinds)[number];

/** Each one contains the one before. */
export const moduleSets = ['', 'qv', 'qkvo', 'qkvoud'] as const;

export const forms = ['int8', 'float32', 'mixed'] as const;

export interface Variant {
  head: HeadKind;
  modules: readonly TargetModule[];
  /**
   * How adapter tensors are fed: int8 as stored, float32 where a batch has an adapter that is not int8, or `mixed`: float32,
   * with rows of other methods than LoRA among them.
   */
  form: (typeof forms)[number];
  /** 7-bit activations, for CPUs whose 8-bit products can saturate. Only int8 bases have both kinds. */
  narrow: boolean;
}

/** Of the adapter tensors that a form is fed. */
export const dtypeOf = (form: Variant['form']) => (form === 'int8' ? 'int8' : 'float32');

export function headKind(head: Head): HeadKind {
  return head.kind === 'token' ? 'token' : head.dense ? 'pooled-dense' : 'pooled';
}

/** Of the inputs that adapted graphs read (packs.ts): a base from before this layout has no such graph, and is not misread. */
const inputLayout = 2;

/** Key of the graph in the base manifest, e.g. `token.qv2`. */
export function variantName({ head, modules, form, narrow }: Variant): string {
  const adapted = modules.length > 0 ? `${modules.join('')}${inputLayout}` : 'none';
  return `${head}.${adapted}${form === 'int8' ? '' : `.${form}`}${narrow ? '.narrow' : ''}`;
}

/** What of a manifest decides on the graph. */
type ServedParts = Pick<AdapterManifest, 'head' | 'lora' | 'quantization'>;

/** The graph of a batch. Whether its adapters come as int8 or float32 changes no bit: int8 values are exact in float32. */
export function variantOf(manifests: readonly ServedParts[], narrow: boolean): Variant {
  const adapted = manifests.flatMap(({ lora }) => (lora ? [lora] : []));
  const isInt8 = manifests.every(manifest => manifest.quantization === 'int8');
  return {
    head: headKind(manifests[0]!.head),
    modules: adapted[0] ? smallestSet(adapted[0].targetModules) : [],
    form: adapted.length < manifests.length ? 'mixed' : isInt8 ? 'int8' : 'float32',
    narrow,
  };
}

/** @throws VeneerError `invalid_artifact` where the base was built before such adapters were served as they are now. */
export function checkServed(manifest: ServedParts, { name, graphs }: BaseManifest): void {
  const variant = variantName(variantOf([manifest], false));
  if (!graphs[variant])
    throw new VeneerError(
      'invalid_artifact',
      `base ${name} has no graph ${variant}, which serves this adapter: pull it again with --force`,
    );
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

/** What ranks, prefixes and numbers of labels are padded to in a batch: few sizes, so that rows of unlike adapters share one. */
export const paddedRank = (rank: number) => powerOfTwo(8, rank);
export const paddedPrefix = (tokens: number) => powerOfTwo(8, tokens);
export const paddedLabels = (labels: number) => powerOfTwo(16, labels);
