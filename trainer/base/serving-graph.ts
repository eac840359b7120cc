/**
 * Serving graphs: the encoder with per-row LoRA and a per-row head as inputs, so that one run serves rows of different
 * tenants. Input names and shapes are what functions/engine/batch.ts feeds.
 */
import type { EncoderConfig, TargetModule } from '../../functions/artifacts/manifests.ts';
import { familyNames } from '../../functions/artifacts/modules.ts';
import { loraPacks, scaleInput } from '../../functions/engine/packs.ts';
import {
  dtypeOf,
  forms,
  headKinds,
  moduleSets,
  modulesOf,
  type Variant,
  variantName,
} from '../../functions/engine/variants.ts';
import { Graph } from '../graph/graph.ts';
import { emitOnnx } from '../graph/onnx.ts';
import type { ExternalWeights } from '../graph/onnx-emitter.ts';
import { product } from '../graph/shape.ts';
import type { Value } from '../graph/value.ts';
import { familyOf } from '../models/families.ts';
import { encoderInputs, type Project } from '../models/family.ts';
import { prefixed, promptedLookup, scaledLinear } from './mixed-rows.ts';
import { type Precision, type PrecisionName, precisions } from './precision.ts';
import { servedLinear } from './served-linear.ts';

/** LoRA tensors as graph values, by layer and module (the first of those that share a product, for A and scales). */
interface PackedLora {
  /** [1, B, modules * R, in] */
  a: Map<string, Value>;
  /** [1, B, 1, modules * R] */
  scales: Map<string, Value>;
  /** [1, B, R, out] */
  b: Map<string, Value>;
}

const siteKey = (layer: number, module: TargetModule) => `${layer}.${module}`;

/** The inputs that functions/engine/packs.ts lays out, cut into groups. */
function packedLora(g: Graph, config: EncoderConfig, { modules, form }: Variant): PackedLora {
  const packed: PackedLora = { a: new Map(), scales: new Map(), b: new Map() };
  for (const pack of loraPacks(config, modules)) {
    const { groups, stacked, width, side, input } = pack;
    const cut = (into: Map<string, Value>, whole: Value) => {
      const parts = g.split(
        whole,
        0,
        groups.map(() => 1),
      );
      groups.forEach(({ layer, modules: [first] }, i) => {
        into.set(siteKey(layer, first!), parts[i]!);
      });
    };
    const ranks = product([stacked, 'R']);
    const dtype = dtypeOf(form);
    const stored = g.input(input, [groups.length, 'B', ranks, width], dtype);
    cut(packed[side], dtype === 'int8' ? g.cast(stored) : stored);
    if (side === 'a') cut(packed.scales, g.input(scaleInput(pack), [groups.length, 'B', 1, ranks]));
  }
  return packed;
}

interface PerRow {
  g: Graph;
  config: EncoderConfig;
  variant: Variant;
  precision: Precision;
}

/** y = x W' + b + ((x A') * scales) B with A, scales and B of each row. */
function perRowProject({ g, config, variant, precision }: PerRow): Project {
  const served = servedLinear(config, precision);
  const linear = variant.form === 'mixed' ? scaledLinear(g, config, served) : served;
  const packed = packedLora(g, config, variant);
  return ({ layer, modules, x }) => {
    const adapted = modules.filter(module => variant.modules.includes(module));
    const narrow = new Map<TargetModule, Value>();
    if (adapted.length > 0) {
      const key = siteKey(layer, adapted[0]!);
      const rows = g.reshape(x, [1, 'B', 'S', x.shape[1]!]);
      const stacked = g.mul(g.matmul(rows, packed.a.get(key)!, { transB: true }), packed.scales.get(key)!);
      const parts = g.split(
        stacked,
        3,
        adapted.map(() => 'R'),
      );
      adapted.forEach((module, i) => {
        narrow.set(module, parts[i]!);
      });
    }
    return modules.map(module => {
      const frozen = linear({ g, layer, module, x });
      const own = narrow.get(module);
      if (!own) return frozen;
      const delta = g.matmul(own, packed.b.get(siteKey(layer, module))!);
      return g.add(frozen, g.reshape(delta, frozen.shape));
    });
  };
}

/** Logits [B, S, C] of a token head, [B, 1, C] of a pooled one. @param hidden [B*S, hidden] */
function perRowHead({ g, config, variant: { head, form } }: PerRow, hidden: Value): Value {
  const width = config.hiddenSize;
  const rows = g.reshape(hidden, ['B', 'S', width]);
  const linear = (x: Value, name: string, out: string | number) => {
    const dtype = dtypeOf(form);
    const stored = g.input(`${name}_weight`, ['B', out, width], dtype);
    const product = g.matmul(x, dtype === 'int8' ? g.cast(stored) : stored, { transB: true });
    const scaled = g.mul(product, g.input(`${name}_scale`, ['B', 1, out]));
    return g.add(scaled, g.input(`${name}_bias`, ['B', 1, out]));
  };
  if (head === 'token') return linear(rows, 'head', 'C');
  const pooled = g.matmul(g.input('pooling', ['B', 1, 'S']), rows);
  if (head === 'pooled') return linear(pooled, 'head', 'C');
  const { activation } = familyNames(config.family).head;
  return linear(g[activation](linear(pooled, 'dense', width)), 'head', 'C');
}

function servingGraph({ g, config, variant, precision }: PerRow): Value {
  const project = perRowProject({ g, config, variant, precision });
  const plain = { g, config, inputs: encoderInputs(g), project, lookup: precision.lookup };
  const mixed = () => ({
    ...plain,
    ...prefixed(g, config, plain.inputs),
    lookup: promptedLookup(g, config, plain.lookup),
  });
  const hidden = familyOf(config.family).encode(variant.form === 'mixed' ? mixed() : plain);
  return perRowHead({ g, config, variant, precision }, hidden);
}

/** Every variant as an ONNX model, by name. */
export function servingGraphs(
  config: EncoderConfig,
  weights: ExternalWeights,
  name: PrecisionName,
): Map<string, Uint8Array> {
  const { full, narrow } = precisions[name];
  const variants = headKinds.flatMap(head =>
    moduleSets.flatMap(set =>
      forms.flatMap(form =>
        (narrow ? [false, true] : [false]).map(isNarrow => ({
          head,
          modules: modulesOf(set),
          form,
          narrow: isNarrow,
        })),
      ),
    ),
  );
  return new Map(
    variants.map(variant => {
      const precision = variant.narrow ? narrow! : full;
      const logits = servingGraph({ g: new Graph(), config, variant, precision });
      return [variantName(variant), emitOnnx({ outputs: { logits }, weights })];
    }),
  );
}

/** The mean final hidden state [B, 1, hidden] with no adapter, for comparing precisions. */
export function embeddingGraph(config: EncoderConfig, name: PrecisionName): Value {
  const g = new Graph();
  const { full: precision } = precisions[name];
  const variant: Variant = { head: 'pooled', modules: [], form: 'int8', narrow: false };
  const project = perRowProject({ g, config, variant, precision });
  const inputs = encoderInputs(g);
  const hidden = familyOf(config.family).encode({ g, config, inputs, project, lookup: precision.lookup });
  return g.matmul(g.input('pooling', ['B', 1, 'S']), g.reshape(hidden, ['B', 'S', config.hiddenSize]));
}
