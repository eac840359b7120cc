/** BitFit (https://arxiv.org/abs/2106.10199): the encoder's biases alone are trained, those of LayerNorm too. */
import * as z from 'zod';
import type { Method } from './method.ts';
import { wholeTensors } from './whole.ts';

export const BitfitSpec = z.object({ name: z.literal('bitfit') });
export type BitfitSpec = z.infer<typeof BitfitSpec>;

const biases = wholeTensors(name => name.endsWith('.bias'));

export const bitfit: Method<BitfitSpec> = {
  ...biases,
  flags: [],
  spec: () => ({ name: 'bitfit' }),
  learningRate: 2e-3,
  overRounded: false,
  unserved: "trains the base's biases, which all adapters share",
  parameters: config => biases.parameters(config),
};
