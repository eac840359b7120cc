/**
 * How LoRA tensors lie in memory and enter a graph: sites of one shape in one pack, so that a run has a handful of inputs
 * whatever the number of layers, and a row is a handful of copies. Modules that read the same x share one product with
 * their A's, stacked. Adapters in memory, serving graphs and what feeds them all follow this file.
 */
import { type EncoderConfig, type TargetModule, targetModules } from './manifests.ts';
import { moduleWidths } from './modules.ts';

/** Adapted modules of one layer that read the same x. */
export interface Group {
  layer: number;
  modules: TargetModule[];
}

/** One graph input. Groups of pack `a`: [B, groups, modules * R, width]. Groups of pack `b` have one module each. */
export interface Pack {
  input: string;
  side: 'a' | 'b';
  width: number;
  /** Modules of each group. */
  stacked: number;
  groups: Group[];
}

/** Name of the input with the factors of A packs with so many modules a group: [B, groups, modules * R, 1]. */
export const scaleInput = (pack: Pack) => `${pack.input}_scale`;

const sharedReaders: TargetModule[][] = [['q', 'k', 'v'], ['o'], ['u'], ['d']];

/** What each layer's shared products adapt, in order. */
function loraGroups({ layers }: EncoderConfig, modules: readonly TargetModule[]): Group[] {
  const shared = sharedReaders
    .map(readers => readers.filter(module => modules.includes(module)))
    .filter(readers => readers.length > 0);
  return Array.from({ length: layers }, (_, layer) =>
    shared.map(readers => ({ layer, modules: readers })),
  ).flat();
}

const known = new WeakMap<EncoderConfig, Map<string, readonly Pack[]>>();

export function loraPacks(config: EncoderConfig, modules: readonly TargetModule[]): readonly Pack[] {
  const ofConfig = known.get(config) ?? new Map<string, readonly Pack[]>();
  known.set(config, ofConfig);
  const key = modules.join();
  const packs = ofConfig.get(key) ?? packed(config, modules);
  ofConfig.set(key, packs);
  return packs;
}

function packed(config: EncoderConfig, modules: readonly TargetModule[]): Pack[] {
  const packs = new Map<string, Pack>();
  const put = (side: 'a' | 'b', width: number, group: Group) => {
    const stacked = group.modules.length;
    const input = `lora_${side}_${width}x${stacked}`;
    const pack = packs.get(input) ?? { input, side, width, stacked, groups: [] };
    pack.groups.push(group);
    packs.set(input, pack);
  };
  for (const group of loraGroups(config, modules)) {
    put('a', moduleWidths(config, group.modules[0]!).in, group);
    for (const module of targetModules)
      if (group.modules.includes(module))
        put('b', moduleWidths(config, module).out, { layer: group.layer, modules: [module] });
  }
  return [...packs.values()];
}
