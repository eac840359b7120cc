/** The step graph: encoder as the method adapts it, head, loss, and the gradient of every trainable tensor. */
import type { EncoderConfig } from '../functions/artifacts/manifests.ts';
import { type DropoutSpec, dropoutSites } from './dropout.ts';
import { gradients } from './graph/gradient.ts';
import { Graph } from './graph/graph.ts';
import type { Value } from './graph/value.ts';
import { type HeadSpec, headLogits, headParameters, lossOf, type Pooler } from './heads.ts';
import type { FrozenSeams } from './methods/method.ts';
import { adaptedSeams, type MethodSpec, methodParameters } from './methods/methods.ts';
import { familyOf } from './models/families.ts';
import { encoderInputs } from './models/family.ts';
import { type Layout, layoutOf } from './parameters.ts';
import { rDropLoss } from './r-drop.ts';

export interface StepSpec {
  config: EncoderConfig;
  method: MethodSpec;
  /** The encoder as the base has it; in float32 where left out. */
  frozen?: FrozenSeams;
  head: HeadSpec;
  pooler?: Pooler;
  dropout?: DropoutSpec;
  /** Weight of R-Drop's second term; 0 or none is one pass. */
  rDrop?: number;
}

export interface Step {
  layout: Layout;
  /** `loss` [], and `grad:<parameter>` of each parameter's shape. */
  outputs: Record<string, Value>;
  /** Logits alone, for evaluation and parity tests. */
  logits: Value;
  /** Places that drop, each of which needs a key (dropout.ts). */
  dropoutSites: number;
}

export const gradientName = (parameter: string) => `grad:${parameter}`;

export function buildStep(spec: StepSpec): Step {
  const { config, method, frozen, head, pooler, dropout: rates, rDrop = 0 } = spec;
  const layout = layoutOf([
    ...methodParameters(config, method),
    ...headParameters(config, head, pooler).map(parameter => ({ ...parameter, head: true as const })),
  ]);
  const g = new Graph();
  const inputs = encoderInputs(g);
  const parameters = new Map(layout.parameters.map(({ name, shape }) => [name, g.input(name, shape)]));
  const seams = adaptedSeams({ g, config, spec: method, parameters }, frozen);
  const { dropout, sites } = dropoutSites(g, rates ?? { hidden: 0, attention: 0 });
  const forward = () => {
    const { encode } = familyOf(config.family);
    const hidden = encode({ g, config, inputs, ...seams, dropout });
    return headLogits({ g, config, spec: head, hidden, parameters, dropout });
  };
  const lossOfLogits = (logits: Value) => lossOf(head, { g, logits });
  const logits = forward();
  const loss =
    rDrop === 0
      ? lossOfLogits(logits)
      : rDropLoss(g, {
          passes: [logits, forward()],
          targets: g.input('targets', [logits.shape[0]!, head.labels]),
          alpha: rDrop,
          loss: lossOfLogits,
        });
  const grads = gradients(g, loss, [...parameters.values()]);
  const outputs: Record<string, Value> = { loss };
  layout.parameters.forEach(({ name }, i) => {
    outputs[gradientName(name)] = grads[i]!;
  });
  return { layout, outputs, logits, dropoutSites: sites() };
}
