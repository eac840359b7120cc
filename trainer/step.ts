/** The step graph: encoder as the method adapts it, head, loss, and the gradient of every trainable tensor. */
import type { EncoderConfig } from '../functions/artifacts/manifests.ts';
import { gradients } from './graph/gradient.ts';
import { Graph } from './graph/graph.ts';
import type { Value } from './graph/value.ts';
import { type HeadSpec, headLogits, headParameters, lossOf, type Pooler } from './heads.ts';
import { adaptedSeams, type MethodSpec, methodParameters } from './methods/methods.ts';
import { familyOf } from './models/families.ts';
import { encoderInputs } from './models/family.ts';
import { type Layout, layoutOf } from './parameters.ts';

export interface StepSpec {
  config: EncoderConfig;
  method: MethodSpec;
  head: HeadSpec;
  pooler?: Pooler;
}

export interface Step {
  layout: Layout;
  /** `loss` [], and `grad:<parameter>` of each parameter's shape. */
  outputs: Record<string, Value>;
  /** Logits alone, for evaluation and parity tests. */
  logits: Value;
}

export const gradientName = (parameter: string) => `grad:${parameter}`;

export function buildStep({ config, method, head, pooler }: StepSpec): Step {
  const layout = layoutOf([...methodParameters(config, method), ...headParameters(config, head, pooler)]);
  const g = new Graph();
  const inputs = encoderInputs(g);
  const parameters = new Map(layout.parameters.map(({ name, shape }) => [name, g.input(name, shape)]));
  const seams = adaptedSeams({ g, config, spec: method, parameters });
  const hidden = familyOf(config.family).encode({ g, config, inputs, ...seams });
  const logits = headLogits({ g, config, spec: head, hidden, parameters });
  const loss = lossOf(head, { g, logits, attentionBias: inputs.attentionBias });
  const grads = gradients(g, loss, [...parameters.values()]);
  const outputs: Record<string, Value> = { loss };
  layout.parameters.forEach(({ name }, i) => {
    outputs[gradientName(name)] = grads[i]!;
  });
  return { layout, outputs, logits };
}
