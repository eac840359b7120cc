/**
 * Serving graphs: the encoder with per-row LoRA and a per-row head as inputs, so that one run serves rows of different
 * tenants. Input names and shapes are what functions/engine/batch.ts feeds.
 */
import type { EncoderConfig } from '../../functions/artifacts/manifests.ts';
import { familyNames, moduleWidths } from '../../functions/artifacts/modules.ts';
import {
  type HeadKind,
  headKinds,
  moduleSets,
  modulesOf,
  type Variant,
  variantName,
} from '../../functions/engine/variants.ts';
import { Graph } from '../graph/graph.ts';
import { type ExternalWeights, emitOnnx } from '../graph/onnx.ts';
import type { Value } from '../graph/value.ts';
import { frozenLinear, frozenPooler } from '../lora.ts';
import { familyOf } from '../models/families.ts';
import { encoderInputs, type Project } from '../models/family.ts';

/** y = x W' + b + (x A') B' with A [B, rank, in] and B [B, out, rank] of each row; alpha / rank is already in B. */
function perRowProject(config: EncoderConfig, adapted: Variant['modules']): Project {
  return ({ g, layer, modules, x }) =>
    modules.map(module => {
      const { weight, bias } = frozenLinear(g, config, layer, module);
      const frozen = g.matmul(x, weight, { transB: true, addend: bias });
      if (!adapted.includes(module)) return frozen;
      const widths = moduleWidths(config, module);
      const a = g.input(`lora_a.${layer}.${module}`, ['B', 'R', widths.in]);
      const b = g.input(`lora_b.${layer}.${module}`, ['B', widths.out, 'R']);
      const narrow = g.matmul(g.reshape(x, ['B', 'S', widths.in]), a, { transB: true });
      return g.add(frozen, g.reshape(g.matmul(narrow, b, { transB: true }), ['B*S', widths.out]));
    });
}

interface RowHead {
  g: Graph;
  config: EncoderConfig;
  kind: HeadKind;
  /** [B*S, hidden] */
  hidden: Value;
}

/** Logits [B, S, C] of a token head, [B, 1, C] of a pooled one. */
function perRowHead({ g, config, kind, hidden }: RowHead): Value {
  const width = config.hiddenSize;
  const rows = g.reshape(hidden, ['B', 'S', width]);
  const linear = (x: Value, name: string, out: string | number) => {
    const product = g.matmul(x, g.input(`${name}_weight`, ['B', out, width]), { transB: true });
    return g.add(product, g.input(`${name}_bias`, ['B', 1, out]));
  };
  if (kind === 'token') return linear(rows, 'head', 'C');
  let pooled = g.matmul(g.input('pooling', ['B', 1, 'S']), rows);
  if (kind === 'pooled-dense') pooled = g.tanh(linear(pooled, 'dense', width));
  if (kind === 'pooled-lora') {
    const { weight, bias } = frozenPooler(g, config);
    const frozen = g.matmul(g.reshape(pooled, ['B', width]), weight, { transB: true, addend: bias });
    const narrow = g.matmul(pooled, g.input('pooler_a', ['B', 'R', width]), { transB: true });
    const delta = g.matmul(narrow, g.input('pooler_b', ['B', width, 'R']), { transB: true });
    pooled = g.tanh(g.add(g.reshape(frozen, ['B', 1, width]), delta));
  }
  return linear(pooled, 'head', 'C');
}

function servingGraph(config: EncoderConfig, { head, modules }: Variant): Value {
  const g = new Graph();
  const inputs = encoderInputs(g);
  const project = perRowProject(config, modules);
  const hidden = familyOf(config.family).encode({ g, config, inputs, project });
  return perRowHead({ g, config, kind: head, hidden });
}

/** Every variant as an ONNX model, by name. */
export function servingGraphs(config: EncoderConfig, weights: ExternalWeights): Map<string, Uint8Array> {
  const hasPooler = weights.tensors.has(`${familyNames(config.family).pooler}.weight`);
  const kinds = headKinds.filter(kind => kind !== 'pooled-lora' || hasPooler);
  const variants = kinds.flatMap(head => moduleSets.map(set => ({ head, modules: modulesOf(set) })));
  return new Map(
    variants.map(variant => [
      variantName(variant),
      emitOnnx({ outputs: { logits: servingGraph(config, variant) }, weights }),
    ]),
  );
}
