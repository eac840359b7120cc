/**
 * Serving graphs: the encoder with per-row LoRA and a per-row head as inputs, so that one run serves rows of different
 * tenants. Input names and shapes are what functions/engine/batch.ts feeds.
 */
import type { EncoderConfig, TargetModule } from '../../functions/artifacts/manifests.ts';
import { familyNames } from '../../functions/artifacts/modules.ts';
import { loraPacks, scaleInput } from '../../functions/artifacts/packs.ts';
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
import { ia3Rows, prefixed, promptedLookup } from './mixed-rows.ts';
import { type Precision, type PrecisionName, precisions } from './precision.ts';
import { biasName, servedLinear } from './served-linear.ts';

/** LoRA tensors as graph values, by layer and module (the first of those that share a product, for A and scales). */
interface PackedLora {
  /** [B, 1, modules * R, in], as stored */
  a: Map<string, Value>;
  /** [B, 1, modules * R, 1] */
  scales: Map<string, Value>;
  /** [B, 1, R, out], or [B, 1, R + 1, out] with the base's own bias as the last row */
  b: Map<string, Value>;
}

const siteKey = (layer: number, module: TargetModule) => `${layer}.${module}`;

interface PerRow {
  g: Graph;
  config: EncoderConfig;
  variant: Variant;
  precision: Precision;
}

/** Adapter tensors as the floats that they stand for. */
const floats = (g: Graph, stored: Value) => (stored.dtype === 'float32' ? stored : g.cast(stored));

/** The inputs that functions/artifacts/packs.ts lays out, cut into groups. */
function packedLora({ g, config, variant: { modules, form }, precision }: PerRow): PackedLora {
  const packed: PackedLora = { a: new Map(), scales: new Map(), b: new Map() };
  for (const pack of loraPacks(config, modules)) {
    const { groups, stacked, width, side, input } = pack;
    const cut = (into: Map<string, Value>, whole: Value) => {
      const parts = g.split(
        whole,
        1,
        groups.map(() => 1),
      );
      groups.forEach(({ layer, modules: [first] }, i) => {
        into.set(siteKey(layer, first!), parts[i]!);
      });
    };
    const ranks = product([stacked, 'R']);
    const stored = g.input(input, ['B', groups.length, ranks, width], dtypeOf(form));
    if (side === 'a') {
      cut(packed.a, stored);
      cut(packed.scales, g.input(scaleInput(pack), ['B', groups.length, ranks, 1]));
    } else if (precision.addsBias) {
      const biases = groups.map(({ layer, modules: [module] }) =>
        g.weight(biasName(config, layer, module!), [width]),
      );
      const rows = g.reshape(g.concat(biases, 0), [1, groups.length, 1, width]);
      cut(packed.b, g.concat([floats(g, stored), g.expand(rows, ['B', groups.length, 1, width])], 2));
    } else cut(packed.b, floats(g, stored));
  }
  return packed;
}

/**
 * y = x W' + b + ((A x') * scales)' B with A, scales and B of each row. The narrow product is kept transposed: so its scales
 * and the parts of modules that share it are whole rows, and a rank of 8 costs less. Where the precision adds b by a sum of
 * its own, it is one more row of B instead, which a row of ones picks: rows without LoRA get exactly b.
 */
function perRowProject(args: PerRow): Project {
  const { g, config, variant, precision } = args;
  const ia3 = variant.form === 'mixed' ? ia3Rows(g, config) : undefined;
  const served = servedLinear(config, precision);
  const linear = ia3?.reading(served) ?? served;
  const packed = packedLora(args);
  const narrowOf = (layer: number, adapted: readonly TargetModule[], x: Value): readonly Value[] => {
    const key = siteKey(layer, adapted[0]!);
    const rows = g.reshape(x, ['B', 1, 'S', x.shape[1]!]);
    const product = g.matmul(floats(g, packed.a.get(key)!), rows, { transB: true });
    const byModule = g.reshape(g.mul(product, packed.scales.get(key)!), ['B', adapted.length, 'R', 'S']);
    const ones = g.expand(g.constant([1], [1, 1, 1, 1]), ['B', adapted.length, 1, 'S']);
    return g.split(
      precision.addsBias ? g.concat([byModule, ones], 2) : byModule,
      1,
      adapted.map(() => 1),
    );
  };
  return ({ layer, modules, x }) => {
    const adapted = modules.filter(module => variant.modules.includes(module));
    const narrow = adapted.length > 0 ? narrowOf(layer, adapted, x) : [];
    return modules.map(module => {
      const own = narrow[adapted.indexOf(module)];
      const frozen = linear({ g, layer, module, x, biased: !own || !precision.addsBias });
      const delta = own && g.matmul(own, packed.b.get(siteKey(layer, module))!, { transA: true });
      const y = delta ? g.add(frozen, g.reshape(delta, frozen.shape)) : frozen;
      return ia3?.giving({ layer, module }, y) ?? y;
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
