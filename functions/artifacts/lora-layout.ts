/** Where an adapter's LoRA tensors lie in memory: pack after pack, as graphs read them (packs.ts). */
import { type EncoderConfig, type LoraSettings, type TargetModule, targetModules } from './manifests.ts';
import { loraPacks } from './packs.ts';

/** Where the tensors of each adapted layer lie in an adapter's two arrays; shared by all adapters of one shape. */
export interface LoraLayout {
  rank: number;
  /** Those adapted, in their order. */
  modules: readonly TargetModule[];
  /** By layer, then module: first element of A [rank, in] and of B [rank, out] in `data`, of the scales in `scales`. */
  sites: ReadonlyArray<Partial<Record<TargetModule, { a: number; b: number; scales: number }>>>;
  /** By the pack's input: its elements of `data` and, of packs of A, of `scales`. */
  packs: ReadonlyMap<string, { data: [first: number, end: number]; scales: [first: number, end: number] }>;
  /** Elements of `data` and of `scales`. */
  size: number;
  scalesSize: number;
}

const layouts = new Map<string, LoraLayout>();

export function loraLayout(config: EncoderConfig, { rank, targetModules: chosen }: LoraSettings): LoraLayout {
  const modules = targetModules.filter(module => chosen.includes(module));
  const { layers, hiddenSize, intermediateSize, gated } = config;
  const key = JSON.stringify([layers, hiddenSize, intermediateSize, gated, rank, modules]);
  let layout = layouts.get(key);
  if (!layout) {
    layout = laidOut(config, rank, modules);
    layouts.set(key, layout);
  }
  return layout;
}

function laidOut(config: EncoderConfig, rank: number, modules: readonly TargetModule[]): LoraLayout {
  let [size, scalesSize] = [0, 0];
  const sites: Partial<Record<TargetModule, { a: number; b: number; scales: number }>>[] = Array.from(
    { length: config.layers },
    () => ({}),
  );
  const packs: [string, { data: [number, number]; scales: [number, number] }][] = [];
  for (const { input, side, width, groups } of loraPacks(config, modules)) {
    const [first, firstScale] = [size, scalesSize];
    for (const { layer, modules: readers } of groups)
      for (const module of readers) {
        const site = sites[layer]![module] ?? { a: 0, b: 0, scales: 0 };
        sites[layer]![module] = { ...site, [side]: size, ...(side === 'a' ? { scales: scalesSize } : {}) };
        size += rank * width;
        if (side === 'a') scalesSize += rank;
      }
    packs.push([input, { data: [first, size], scales: [firstScale, scalesSize] }]);
  }
  return { rank, modules, sites, packs: new Map(packs), size, scalesSize };
}
