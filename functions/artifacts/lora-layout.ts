/** Where an adapter's LoRA tensors lie in memory, layer by layer. */
import { type EncoderConfig, type LoraSettings, type TargetModule, targetModules } from './manifests.ts';
import { moduleWidths } from './modules.ts';

/** Where the tensors of each adapted layer lie in an adapter's two arrays; shared by all adapters of one shape. */
export interface LoraLayout {
  rank: number;
  /** By layer, then module: first element of A [rank, in] and of B [rank, out] in `data`, of the scales in `scales`. */
  sites: ReadonlyArray<Partial<Record<TargetModule, { a: number; b: number; scales: number }>>>;
  /** Elements of `data` and of `scales`. */
  size: number;
  scalesSize: number;
}

const layouts = new Map<string, LoraLayout>();

export function loraLayout(
  config: EncoderConfig,
  { rank, targetModules: modules }: LoraSettings,
): LoraLayout {
  const { layers, hiddenSize, intermediateSize, gated } = config;
  const key = JSON.stringify([layers, hiddenSize, intermediateSize, gated, rank, modules]);
  let layout = layouts.get(key);
  if (!layout) {
    let [size, scalesSize] = [0, 0];
    const sites = Array.from({ length: layers }, () => {
      const layer: Partial<Record<TargetModule, { a: number; b: number; scales: number }>> = {};
      for (const module of targetModules) {
        if (!modules.includes(module)) continue;
        const widths = moduleWidths(config, module);
        layer[module] = { a: size, b: size + rank * widths.in, scales: scalesSize };
        size += rank * (widths.in + widths.out);
        scalesSize += rank;
      }
      return layer;
    });
    layout = { rank, sites, size, scalesSize };
    layouts.set(key, layout);
  }
  return layout;
}
