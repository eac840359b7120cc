/**
 * IA3 (https://arxiv.org/abs/2205.05638): trained vectors scale the outputs of keys and values, and the input of the second
 * layer of the feed-forward part.
 */
import * as z from 'zod';
import type { TargetModule } from '../../functions/artifacts/manifests.ts';
import { type Site, siteOf, sitesOf } from './frozen.ts';
import type { Merge, Method } from './method.ts';

export const Ia3Spec = z.object({ name: z.literal('ia3') });
export type Ia3Spec = z.infer<typeof Ia3Spec>;

const modules: readonly TargetModule[] = ['k', 'v', 'd'];
const scalesInput = (module: TargetModule) => module === 'd';
const vectorName = ({ stem }: Site) => `${stem}.ia3_l`;

export const ia3: Method<Ia3Spec> = {
  flags: [],
  spec: () => ({ name: 'ia3' }),
  learningRate: 5e-3,
  overRounded: true,
  unserved: 'scales activations, which serving does not do yet',
  // Shapes are PEFT's.
  parameters: config =>
    sitesOf(config, modules).map(site => ({
      name: vectorName(site),
      shape: scalesInput(site.module) ? [1, site.in] : [site.out, 1],
      init: 'ones',
      decay: false,
    })),
  adapt: ({ config, parameters }, frozen) => ({
    ...frozen,
    project: ({ g, layer, modules: read, x }) =>
      read.flatMap(module => {
        const site = siteOf(config, layer, module);
        const vector = parameters.get(vectorName(site));
        if (!vector) return frozen.project({ g, layer, modules: [module], x });
        if (scalesInput(module)) return frozen.project({ g, layer, modules: [module], x: g.mul(x, vector) });
        const [y] = frozen.project({ g, layer, modules: [module], x });
        return g.mul(y!, g.reshape(vector, [site.out]));
      }),
  }),
  merge: ({ config, values }) =>
    new Map(
      sitesOf(config, modules).flatMap((site): [string, Merge][] => {
        const vector = values.get(vectorName(site))!;
        const { in: width } = site;
        if (scalesInput(site.module))
          return [[`${site.path}.weight`, weight => weight.map((value, i) => value * vector[i % width]!)]];
        return [
          [`${site.path}.weight`, weight => weight.map((value, i) => value * vector[Math.floor(i / width)]!)],
          [`${site.path}.bias`, bias => bias.map((value, i) => value * vector[i]!)],
        ];
      }),
    ),
};
