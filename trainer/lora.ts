/**
 * LoRA (https://arxiv.org/abs/2106.09685) on the frozen linear layers: W' = W + (alpha / rank) B A. In training the
 * product is merged into the weight at every step; the graph's algebra keeps its gradient low-rank (graph/rewrite.ts).
 */
import type { EncoderConfig, TargetModule } from '../functions/artifacts/manifests.ts';
import { familyNames, loraNames, moduleWidths } from '../functions/artifacts/modules.ts';
import type { Graph } from './graph/graph.ts';
import type { Value } from './graph/value.ts';
import type { Project } from './models/family.ts';
import type { Parameter } from './parameters.ts';

export interface LoraSpec {
  rank: number;
  alpha: number;
  targetModules: readonly TargetModule[];
}

/** The frozen layer's weight [out, in] and bias [out]. */
export function frozenLinear(g: Graph, config: EncoderConfig, layer: number, module: TargetModule) {
  const path = familyNames(config.family).module(layer, module);
  const widths = moduleWidths(config, module);
  return {
    weight: g.weight(`${path}.weight`, [widths.out, widths.in]),
    bias: g.weight(`${path}.bias`, [widths.out]),
  };
}

/** A starts uniform in +-1/sqrt(in) (kaiming_uniform with a = sqrt 5, as PEFT), B at zero. */
export function loraParameters(config: EncoderConfig, { rank, targetModules }: LoraSpec): Parameter[] {
  return Array.from({ length: config.layers }, (_, layer) =>
    targetModules.flatMap((module): Parameter[] => {
      const names = loraNames(config.family, layer, module);
      const widths = moduleWidths(config, module);
      return [
        { name: names.a, shape: [rank, widths.in], init: { uniform: 1 / Math.sqrt(widths.in) }, decay: true },
        { name: names.b, shape: [widths.out, rank], init: 'zeros', decay: true },
      ];
    }),
  ).flat();
}

/** Linear layers with LoRA merged into the weights of the target modules. */
export function mergedProject(
  config: EncoderConfig,
  spec: LoraSpec,
  parameters: ReadonlyMap<string, Value>,
): Project {
  return ({ g, layer, modules, x }) =>
    modules.map(module => {
      const { weight, bias } = frozenLinear(g, config, layer, module);
      if (!spec.targetModules.includes(module)) return g.matmul(x, weight, { transB: true, addend: bias });
      const names = loraNames(config.family, layer, module);
      const [a, b] = [parameters.get(names.a)!, parameters.get(names.b)!];
      const merged = g.matmul(b, a, { alpha: spec.alpha / spec.rank, addend: weight });
      return g.matmul(x, merged, { transB: true, addend: bias });
    });
}
