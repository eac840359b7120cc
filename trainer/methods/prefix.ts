/**
 * Prefix tuning in every layer of an encoder (P-Tuning v2, https://arxiv.org/abs/2110.07602): attention sees trained keys
 * and values beside those of the row's tokens, without the MLP that may make them.
 */
import * as z from 'zod';
import { type EncoderConfig, VirtualSettings } from '../../functions/artifacts/manifests.ts';
import { virtualName } from '../../functions/artifacts/modules.ts';
import { takesPrefix } from '../../functions/artifacts/virtual-tokens.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Method } from './method.ts';
import { unmerged } from './unmerged.ts';

export const PrefixSpec = z.object({ ...VirtualSettings.shape, name: z.literal('prefix') });
export type PrefixSpec = z.infer<typeof PrefixSpec>;

/** @throws VeneerError `usage` naming a family whose attention has no place for a prefix. */
export function checkPrefix(config: EncoderConfig): void {
  if (!takesPrefix(config))
    throw new VeneerError(
      'usage',
      `--method prefix: attention of family ${config.family} goes by distances, which a prefix has none of: take --method prompt`,
    );
}

export const prefix: Method<PrefixSpec> = {
  flags: ['prefixTokens'],
  spec: ({ prefixTokens: tokens = 20 }) => ({ name: 'prefix', tokens }),
  learningRate: 1e-2,
  overRounded: true,
  unserved: null,
  // The numbers are in PEFT's order: by token, then layer, key before value.
  parameters(config, { tokens }) {
    checkPrefix(config);
    const { hiddenSize, layers } = config;
    const shape = [tokens * layers * 2, hiddenSize];
    return [{ name: virtualName, shape, init: { normal: 0.02 }, decay: false }];
  },
  adapt({ g, config: { hiddenSize, layers, heads }, spec: { tokens }, parameters }, frozen) {
    const width = hiddenSize / heads;
    const whole = g.reshape(parameters.get(virtualName)!, [tokens, layers * 2, heads, width]);
    const byLayer = g.split(
      g.transpose(whole, [1, 2, 0, 3]),
      0,
      Array.from({ length: layers * 2 }, () => 1),
    );
    return {
      ...frozen,
      prefix: layer => ({ keys: byLayer[2 * layer]!, values: byLayer[2 * layer + 1]! }),
    };
  },
  merge: unmerged('prefix'),
};
