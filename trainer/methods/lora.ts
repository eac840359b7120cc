/**
 * LoRA (https://arxiv.org/abs/2106.09685) on the frozen linear layers: W' = W + (alpha / rank) B A. In training the
 * product is merged into the weight at every step; the graph's algebra keeps its gradient low-rank (graph/rewrite.ts).
 */
import * as z from 'zod';
import { LoraSettings, type TargetModule, targetModules } from '../../functions/artifacts/manifests.ts';
import { loraNames } from '../../functions/artifacts/modules.ts';
import type { Value } from '../graph/value.ts';
import type { Parameter } from '../parameters.ts';
import { frozenLinear, type Site, siteOf, sitesOf } from './frozen.ts';
import type { AdaptArguments, Method, MethodFlags, Seams } from './method.ts';

/** Rank, alpha and target modules as a served adapter's manifest has them. */
export const LoraSpec = z.object({ ...LoraSettings.shape, name: z.literal('lora') });
export type LoraSpec = z.infer<typeof LoraSpec>;
type Scaled = Omit<LoraSpec, 'name'>;

export const loraFlags = ['rank', 'alpha', 'rsLora', 'targetModules'] as const;

/** Rank-stabilized LoRA (https://arxiv.org/abs/2312.03732) scales by alpha / sqrt(rank): its alpha is kept times sqrt(rank). */
export function scaledSpec(flags: MethodFlags): Scaled {
  const { rank = 8, alpha = 16, rsLora = false } = flags;
  return {
    rank,
    alpha: rsLora ? alpha * Math.sqrt(rank) : alpha,
    targetModules: [...(flags.targetModules ?? targetModules)],
  };
}

/** A starts uniform in +-1/sqrt(in) (kaiming_uniform with a = sqrt 5, as PEFT), B at zero. */
export function pairOf({ family }: { family: string }, site: Site, rank: number): [Parameter, Parameter] {
  const names = loraNames(family, site.layer, site.module);
  return [
    { name: names.a, shape: [rank, site.in], init: { uniform: 1 / Math.sqrt(site.in) }, decay: true },
    { name: names.b, shape: [site.out, rank], init: 'zeros', decay: true },
  ];
}

/** W + (alpha / rank) B A [out, in]. */
export function updatedWeight({ g, config, spec, parameters }: AdaptArguments<Scaled>, site: Site): Value {
  const names = loraNames(config.family, site.layer, site.module);
  const [a, b] = [parameters.get(names.a)!, parameters.get(names.b)!];
  return g.matmul(b, a, { alpha: spec.alpha / spec.rank, addend: frozenLinear(g, site).weight });
}

/** y + (alpha / rank) (x A') B' [rows, out], y what the layer gives without it. */
function beside(
  { config, spec, parameters }: AdaptArguments<Scaled>,
  frozen: Seams,
  site: Parameters<Seams['project']>[0],
  module: TargetModule,
): Value {
  const names = loraNames(config.family, site.layer, module);
  const [a, b] = [parameters.get(names.a)!, parameters.get(names.b)!];
  const [y] = frozen.project({ ...site, modules: [module] });
  const narrow = site.g.matmul(site.x, a, { transB: true });
  return site.g.matmul(narrow, b, { transB: true, alpha: spec.alpha / spec.rank, addend: y });
}

/** W + (alpha / rank) B A of plain numbers. */
export function updated(
  weight: Float32Array,
  { in: width, out }: Site,
  { a, b, rank, alpha }: { a: Float32Array; b: Float32Array; rank: number; alpha: number },
): Float32Array {
  const merged = new Float32Array(weight.length);
  const row = new Float64Array(width);
  for (let i = 0; i < out; i++) {
    row.fill(0);
    for (let k = 0; k < rank; k++) {
      const factor = (b[i * rank + k]! * alpha) / rank;
      for (let j = 0; j < width; j++) row[j]! += factor * a[k * width + j]!;
    }
    for (let j = 0; j < width; j++) merged[i * width + j] = weight[i * width + j]! + row[j]!;
  }
  return merged;
}

export const lora: Method<LoraSpec> = {
  flags: loraFlags,
  spec: flags => ({ name: 'lora', ...scaledSpec(flags) }),
  learningRate: 1e-3,
  overRounded: true,
  unserved: null,
  parameters: (config, { rank, targetModules: modules }) =>
    sitesOf(config, modules).flatMap(site => pairOf(config, site, rank)),
  adapt: (args, frozen) => ({
    ...frozen,
    project: site =>
      site.modules.flatMap(module => {
        if (!args.spec.targetModules.includes(module)) return frozen.project({ ...site, modules: [module] });
        if (frozen.rounded) return beside(args, frozen, site, module);
        const adapted = siteOf(args.config, site.layer, module);
        const { bias } = frozenLinear(args.g, adapted);
        return args.g.matmul(site.x, updatedWeight(args, adapted), { transB: true, addend: bias });
      }),
  }),
  merge: ({ config, spec, values }) =>
    new Map(
      sitesOf(config, spec.targetModules).map(site => {
        const names = loraNames(config.family, site.layer, site.module);
        const pair = { a: values.get(names.a)!, b: values.get(names.b)!, ...spec };
        return [`${site.path}.weight`, weight => updated(weight, site, pair)];
      }),
    ),
};
