/** The step graph: encoder with adapters, head, loss, and the gradient of every trainable tensor. */
import type { EncoderConfig } from '../functions/artifacts/manifests.ts';
import { gradients } from './graph/gradient.ts';
import { Graph } from './graph/graph.ts';
import type { Value } from './graph/value.ts';
import { type HeadSpec, headLogits, headParameters, lossOf, type Pooler } from './heads.ts';
import { type LoraSpec, loraParameters, mergedProject } from './lora.ts';
import { familyOf } from './models/families.ts';
import { encoderInputs, tableLookup } from './models/family.ts';
import { type Layout, layoutOf } from './parameters.ts';

export interface StepSpec {
  config: EncoderConfig;
  lora: LoraSpec;
  head: HeadSpec;
  pooler?: Pooler;
}

export interface Step {
  layout: Layout;
  /** `loss` [], and `grad:<parameter>` of each parameter's shape. */
  outputs: Record<string, Value>;
  /** Logits alone, for parity tests. */
  logits: Value;
}

export const gradientName = (parameter: string) => `grad:${parameter}`;

export function buildStep({ config, lora, head, pooler }: StepSpec): Step {
  const layout = layoutOf([...loraParameters(config, lora), ...headParameters(config, head, pooler)]);
  const g = new Graph();
  const inputs = encoderInputs(g);
  const parameters = new Map(layout.parameters.map(({ name, shape }) => [name, g.input(name, shape)]));
  const project = mergedProject(config, lora, parameters);
  const hidden = familyOf(config.family).encode({ g, config, inputs, project, lookup: tableLookup });
  const logits = headLogits({ g, config, spec: head, hidden, parameters });
  const loss = lossOf(g, head.task, logits, inputs.attentionBias, head.labels);
  const grads = gradients(g, loss, [...parameters.values()]);
  const outputs: Record<string, Value> = { loss };
  layout.parameters.forEach(({ name }, i) => {
    outputs[gradientName(name)] = grads[i]!;
  });
  return { layout, outputs, logits };
}
