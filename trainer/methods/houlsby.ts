/**
 * Houlsby's adapters (https://arxiv.org/abs/1902.00751): a bottleneck behind each attention and each feed-forward part,
 * y + gelu(y D' + d) U' + u, before what it is added to; the LayerNorms of the layers are trained too.
 */
import * as z from 'zod';
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import type { Value } from '../graph/value.ts';
import type { Parameter } from '../parameters.ts';
import { type Site, siteOf, sitesOf } from './frozen.ts';
import type { AdaptArguments, Method } from './method.ts';
import { wholeTensors } from './whole.ts';

/** `adapterSize`: width of the bottlenecks. */
export const HoulsbySpec = z.object({ name: z.literal('houlsby'), adapterSize: z.number().int().positive() });
export type HoulsbySpec = z.infer<typeof HoulsbySpec>;

const norms = wholeTensors((name, shape) => shape.length === 1 && /\.\d+\..*norm/i.test(name));

/** The last linear layer of each part. */
const modules = ['o', 'd'] as const;

/** What a layer is made of; up begins at zero, so that the encoder begins as the base. */
function bottleneck({ stem, out }: Site, size: number): Parameter[] {
  const part = (name: string, rest: Omit<Parameter, 'name'>) => ({
    name: `${stem}.adapter_${name}`,
    ...rest,
  });
  return [
    part('down.weight', { shape: [size, out], init: { uniform: 1 / Math.sqrt(out) }, decay: true }),
    part('down.bias', { shape: [size], init: 'zeros', decay: false }),
    part('up.weight', { shape: [out, size], init: 'zeros', decay: true }),
    part('up.bias', { shape: [out], init: 'zeros', decay: false }),
  ];
}

/** @param y [rows, out] */
function adapted({ g, parameters }: AdaptArguments<HoulsbySpec>, { stem }: Site, y: Value): Value {
  const part = (name: string) => parameters.get(`${stem}.adapter_${name}`)!;
  const down = g.matmul(y, part('down.weight'), { transB: true, addend: part('down.bias') });
  return g.add(y, g.matmul(g.gelu(down), part('up.weight'), { transB: true, addend: part('up.bias') }));
}

const isAdapted = (module: string) => modules.some(last => last === module);

export const houlsby: Method<HoulsbySpec> = {
  flags: ['adapterSize'],
  spec: ({ adapterSize = 64 }) => ({ name: 'houlsby', adapterSize }),
  learningRate: 1e-3,
  overRounded: true,
  unserved: 'adds layers between those of the base',
  hasLayers: true,
  parameters: (config: EncoderConfig, { adapterSize }) => [
    ...sitesOf(config, modules).flatMap(site => bottleneck(site, adapterSize)),
    ...norms.parameters(config),
  ],
  adapt: (args, frozen) => ({
    ...norms.adapt(args, frozen),
    project: site => {
      const given = frozen.project(site);
      return site.modules.map((module, i) =>
        isAdapted(module) ? adapted(args, siteOf(args.config, site.layer, module), given[i]!) : given[i]!,
      );
    },
  }),
  merge: norms.merge,
};
