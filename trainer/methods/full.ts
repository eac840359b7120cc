/** Full fine-tuning: every tensor of the encoder is trained, from the base's values or, as a yardstick, from scratch. */
import * as z from 'zod';
import type { Parameter } from '../parameters.ts';
import type { Method } from './method.ts';
import { wholeTensors } from './whole.ts';

export const FullSpec = z.object({ name: z.literal('full'), fromScratch: z.boolean() });
export type FullSpec = z.infer<typeof FullSpec>;

const everything = wholeTensors(() => true);

/** As BERT was begun (initializer_range of its config.json): matrices normal, biases zero, gains of LayerNorm one. */
function scratch(shape: readonly number[], name: string): Parameter['init'] {
  if (name.endsWith('.bias')) return 'zeros';
  return shape.length > 1 ? { normal: 0.02 } : 'ones';
}

export const full: Method<FullSpec> = {
  ...everything,
  flags: ['fromScratch'],
  spec: ({ fromScratch = false }) => ({ name: 'full', fromScratch }),
  learningRate: 5e-5,
  overRounded: false,
  unserved: 'trains the whole base, which all adapters share',
  parameters: (config, { fromScratch }) => everything.parameters(config, fromScratch ? scratch : undefined),
};
