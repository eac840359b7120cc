/**
 * IA3 (https://arxiv.org/abs/2205.05638): trained vectors scale the outputs of keys and values, and the input of the second
 * layer of the feed-forward part; of the attention's last layer too, where PEFT's default for BERT is asked for.
 */
import * as z from 'zod';
import { Ia3Settings, ia3Modules } from '../../functions/artifacts/manifests.ts';
import { ia3Shape, scalesInput } from '../../functions/artifacts/modules.ts';
import { VeneerError } from '../../functions/error.ts';
import { type Site, siteOf, sitesOf } from './frozen.ts';
import type { Merge, Method } from './method.ts';

/** Runs of before it was served do not say the modules. */
export const Ia3Spec = z.object({
  name: z.literal('ia3'),
  targetModules: z._default(Ia3Settings.shape.targetModules, ['k', 'v', 'd']),
});
export type Ia3Spec = z.infer<typeof Ia3Spec>;

const vectorName = ({ stem }: Site) => `${stem}.ia3_l`;

export const ia3: Method<Ia3Spec> = {
  flags: ['targetModules'],
  spec({ targetModules = ['k', 'v', 'd'] }) {
    const parsed = Ia3Settings.safeParse({ targetModules });
    if (parsed.success) return { name: 'ia3', ...parsed.data };
    throw new VeneerError('usage', `--target-modules ${targetModules}: --method ia3 scales ${ia3Modules}`);
  },
  learningRate: 5e-3,
  overRounded: true,
  unserved: null,
  parameters: (config, { targetModules }) =>
    sitesOf(config, targetModules).map(site => ({
      name: vectorName(site),
      shape: ia3Shape(config, site.module),
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
        // What was scaled can be lower than anything that an activation gives.
        if (scalesInput(module))
          return frozen.project({ g, layer, modules: [module], x: g.mul(x, vector), signed: true });
        const [y] = frozen.project({ g, layer, modules: [module], x });
        return g.mul(y!, g.reshape(vector, [site.out]));
      }),
  }),
  merge: ({ config, spec: { targetModules }, values }) =>
    new Map(
      sitesOf(config, targetModules).flatMap((site): [string, Merge][] => {
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
