/** The dense layer that a base was trained to pool with. */
import { familyNames } from '../functions/artifacts/modules.ts';
import type { WeightsFile } from './engines/engine.ts';
import type { Pooler } from './heads.ts';
import { readWeight } from './weights.ts';

/** Undefined where the checkpoint has none. */
export async function poolerOf(family: string, weights: WeightsFile): Promise<Pooler | undefined> {
  const { pooler } = familyNames(family);
  const [weight, bias] = [
    await readWeight(weights, `${pooler}.weight`),
    await readWeight(weights, `${pooler}.bias`),
  ];
  return weight && bias ? { weight, bias } : undefined;
}
