/** The encoder as the base has it, and the linear layers that methods adapt in it. */
import { type EncoderConfig, type TargetModule, targetModules } from '../../functions/artifacts/manifests.ts';
import { familyNames, moduleWidths } from '../../functions/artifacts/modules.ts';
import type { Graph } from '../graph/graph.ts';
import { tableLookup } from '../models/family.ts';
import type { FrozenSeams } from './method.ts';

/** A linear layer of the base that can be adapted. */
export interface Site {
  layer: number;
  module: TargetModule;
  /** Name of its tensors without `.weight` and `.bias`. */
  path: string;
  /** What PEFT's names of its parameters begin with. */
  stem: string;
  in: number;
  out: number;
}

export function siteOf(config: EncoderConfig, layer: number, module: TargetModule): Site {
  const { prefix, module: pathOf } = familyNames(config.family);
  const path = pathOf(layer, module);
  return {
    layer,
    module,
    path,
    stem: `base_model.model.${prefix}.${path}`,
    ...moduleWidths(config, module),
  };
}

/** By layer, then in the order of `targetModules`. */
export function sitesOf(config: EncoderConfig, modules: readonly TargetModule[]): Site[] {
  return Array.from({ length: config.layers }, (_, layer) =>
    targetModules.filter(module => modules.includes(module)).map(module => siteOf(config, layer, module)),
  ).flat();
}

/** Weight [out, in] and bias [out] of a layer of the base. */
export function frozenLinear(g: Graph, site: Site) {
  return {
    weight: g.weight(`${site.path}.weight`, [site.out, site.in]),
    bias: g.weight(`${site.path}.bias`, [site.out]),
  };
}

export function frozenSeams(config: EncoderConfig): FrozenSeams {
  return {
    rounded: false,
    lookup: tableLookup,
    project: ({ g, layer, modules, x }) =>
      modules.map(module => {
        const { weight, bias } = frozenLinear(g, siteOf(config, layer, module));
        return g.matmul(x, weight, { transB: true, addend: bias });
      }),
  };
}

/** Parameter names of tensors of the base that are trained themselves, as a task model of transformers has them in PEFT. */
export function trainedName({ family }: EncoderConfig, tensor: string): string {
  return `base_model.model.${familyNames(family).prefix}.${tensor}`;
}
