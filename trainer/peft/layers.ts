/** The linear layers that PEFT adapts in one layer of the encoder: a target module each, or several that are fused. */
import { type TargetModule, targetModules } from '../../functions/artifacts/manifests.ts';
import { familyNames } from '../../functions/artifacts/modules.ts';
import { familyOf } from '../models/families.ts';

export interface PeftLayer {
  /** Name in the task model. */
  path: string;
  /** One below the other, in rows of the weight. */
  modules: readonly TargetModule[];
}

export function peftLayers(family: string, layer: number): PeftLayer[] {
  const { prefix, module: pathOf } = familyNames(family);
  const { fused } = familyOf(family);
  const alone = targetModules
    .filter(module => !fused?.modules.includes(module))
    .map(module => ({ path: `${prefix}.${pathOf(layer, module)}`, modules: [module] }));
  return fused ? [{ path: `${prefix}.${fused.path(layer)}`, modules: fused.modules }, ...alone] : alone;
}
