/**
 * DoRA (https://arxiv.org/abs/2402.09353): LoRA turns the rows of W' = W + (alpha / rank) B A, and a trained magnitude m of
 * each says how long they are: y = (m / |W'|) (W' x) + b. The norm counts as a constant in the gradient, as in the
 * paper's section 4.3 and in PEFT.
 */
import * as z from 'zod';
import { loraNames } from '../../functions/artifacts/modules.ts';
import { frozenLinear, type Site, siteOf, sitesOf } from './frozen.ts';
import { LoraSpec, loraFlags, pairOf, scaledSpec, updated, updatedWeight } from './lora.ts';
import type { Method } from './method.ts';

export const DoraSpec = LoraSpec.extend({ name: z.literal('dora') });
export type DoraSpec = z.infer<typeof DoraSpec>;

const magnitudeName = ({ stem }: Site) => `${stem}.lora_magnitude_vector`;

function rowNorms(weight: Float32Array, { in: width, out }: Site): Float32Array {
  return Float32Array.from({ length: out }, (_, row) =>
    Math.sqrt(weight.subarray(row * width, (row + 1) * width).reduce((sum, value) => sum + value * value, 0)),
  );
}

export const dora: Method<DoraSpec> = {
  flags: loraFlags,
  spec: flags => ({ name: 'dora', ...scaledSpec(flags) }),
  learningRate: 1e-3,
  overRounded: false,
  unserved: 'changes the length of the rows of the weights, which serving adds to and cannot scale',
  parameters: (config, { rank, targetModules }) =>
    sitesOf(config, targetModules).flatMap(site => [
      ...pairOf(config, site, rank),
      {
        name: magnitudeName(site),
        shape: [site.out],
        init: { base: `${site.path}.weight`, of: weight => rowNorms(weight, site) },
        decay: false,
      },
    ]),
  adapt: (args, frozen) => ({
    ...frozen,
    project: ({ g, layer, modules, x }) =>
      modules.flatMap(module => {
        if (!args.spec.targetModules.includes(module))
          return frozen.project({ g, layer, modules: [module], x });
        const site = siteOf(args.config, layer, module);
        const weight = updatedWeight(args, site);
        const norms = g.sqrt(g.sum(g.mul(weight, weight), [1]));
        const magnitude = args.parameters.get(magnitudeName(site))!;
        const scale = g.div(magnitude, g.reshape(g.detach(norms), [site.out]));
        return g.add(g.mul(g.matmul(x, weight, { transB: true }), scale), frozenLinear(g, site).bias);
      }),
  }),
  merge: ({ config, spec, values }) =>
    new Map(
      sitesOf(config, spec.targetModules).map(site => {
        const names = loraNames(config.family, site.layer, site.module);
        const pair = { a: values.get(names.a)!, b: values.get(names.b)!, ...spec };
        const magnitude = values.get(magnitudeName(site))!;
        return [
          `${site.path}.weight`,
          weight => {
            const turned = updated(weight, site, pair);
            const norms = rowNorms(turned, site);
            return turned.map((value, i) => {
              const row = Math.floor(i / site.in);
              return (value * magnitude[row]!) / norms[row]!;
            });
          },
        ];
      }),
    ),
};
