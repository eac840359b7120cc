/** A base's linear layers as a precision serves them: one place for serving graphs and for training on what is served. */
import type { EncoderConfig, TargetModule } from '../../functions/artifacts/manifests.ts';
import { familyNames, moduleWidths } from '../../functions/artifacts/modules.ts';
import type { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import { activationShift, type Precision } from './precision.ts';
import { smoothingName } from './smoothing.ts';

/** One layer's module applied to x [rows, in]: [rows, out]. `signed`: see Project. `biased`: with b, unless false. */
export type FrozenLinear = (site: {
  g: Graph;
  layer: number;
  module: TargetModule;
  x: Value;
  signed?: boolean;
  biased?: boolean;
}) => Value;

export const biasName = ({ family }: EncoderConfig, layer: number, module: TargetModule) =>
  `${familyNames(family).module(layer, module)}.bias`;

export function servedLinear(config: EncoderConfig, precision: Precision): FrozenLinear {
  const { module: pathOf } = familyNames(config.family);
  return ({ g, layer, module, x, signed = false, biased = true }) =>
    precision.linear({
      g,
      path: pathOf(layer, module),
      ...moduleWidths(config, module),
      x,
      signed,
      biased,
      smoothing: smoothingName(layer, module),
      shift: module === 'd' ? activationShift(config) : null,
    });
}
