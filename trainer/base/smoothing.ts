/**
 * SmoothQuant (https://arxiv.org/abs/2211.10438) for the inputs that come out of LayerNorm: a few channels of x are far
 * larger than the rest and would take all the levels of a row, so each channel is divided by a factor that the weight is
 * multiplied by, half-way between the two ranges. Channel ranges are measured on texts once, when a base is built.
 */
import type { FloatTensor } from '../../functions/artifacts/adapter.ts';
import type { EncoderConfig, TargetModule } from '../../functions/artifacts/manifests.ts';
import { familyNames } from '../../functions/artifacts/modules.ts';
import type { Tokenizer } from '../../functions/tokenizer/tokenizer.ts';
import { Graph } from '../graph/graph.ts';
import type { Value } from '../graph/value.ts';
import { frozenSeams } from '../methods/frozen.ts';
import { familyOf } from '../models/families.ts';
import { encoderInputs, type Project } from '../models/family.ts';
import { runSamples } from './sample-run.ts';

const groups: TargetModule[][] = [['q', 'k', 'v'], ['u']];

/** Tensor that multiplies the input of a module, [in]; undefined for modules that are not smoothed. */
export function smoothingName(layer: number, module: TargetModule): string | undefined {
  const group = groups.find(modules => modules.includes(module));
  return group && `smoothing.${layer}.${group.join('')}`;
}

/** What channels are measured on; fidelity.ts judges the result on other texts. */
const texts = [
  'Thank you for the quick reply. The replacement arrived this morning and works, although the manual is in Italian.',
  'Can I get an invoice with our VAT number for the last two orders?',
  'The library opened in 1911 and holds about 40,000 volumes, among them a first edition that was found in a barn in 1978. Its reading room seats sixty, and the windows face north so that no direct light falls on the shelves.',
  'cancel my plan pls',
  'Password reset link expired twice!!! What now?',
  'La machine fait un bruit étrange depuis hier soir, est-ce normal ?',
  '请问这款磨豆机可以调节粗细吗？',
  'In 2021 Dr. Lena Okoye, then at the University of Ghent, showed that the enzyme works between 30 and 55 degrees.',
  'Order #88213: 2 x filter papers (size 4), 1 x kettle, shipping 4.90 EUR, total 61.30 EUR.',
  'Who designed the bridge, and in which year was it closed to traffic?',
];

/** Factors by tensor name: the input is divided, the weight multiplied. */
export type Smoothing = ReadonlyMap<string, Float32Array>;

interface SmoothingArguments {
  config: EncoderConfig;
  tokenizer: Tokenizer;
  tensors: ReadonlyMap<string, FloatTensor>;
  /** The float32 weights file. */
  float32: Uint8Array;
}

export async function measureSmoothing({
  config,
  tokenizer,
  tensors,
  float32,
}: SmoothingArguments): Promise<Smoothing> {
  const ranges = await inputRanges({ config, tokenizer, float32 });
  const { module: path } = familyNames(config.family);
  const factors = new Map<string, Float32Array>();
  for (let layer = 0; layer < config.layers; layer++)
    for (const group of groups) {
      const name = smoothingName(layer, group[0]!)!;
      const activation = ranges.get(name)!;
      const weight = new Float32Array(activation.length);
      for (const module of group) widen(weight, tensors.get(`${path(layer, module)}.weight`)!.data);
      const raw = activation.map((a, i) => Math.sqrt(Math.max(a, 1e-5) / Math.max(weight[i]!, 1e-5)));
      const mean = raw.reduce((sum, value) => sum + value, 0) / raw.length;
      // Eighths of a power of two: differences in the last bits between CPUs do not show in the stored weights.
      factors.set(
        name,
        raw.map(value => 2 ** (Math.round(8 * Math.log2(value / mean)) / 8)),
      );
    }
  return factors;
}

/** Largest absolute value of each channel at the input of each group, over all texts. */
async function inputRanges({
  config,
  tokenizer,
  float32,
}: Omit<SmoothingArguments, 'tensors'>): Promise<Map<string, Float32Array>> {
  const g = new Graph();
  const outputs: Record<string, Value> = {};
  const { project: frozen, lookup } = frozenSeams(config);
  const project: Project = site => {
    const name = smoothingName(site.layer, site.modules[0]!);
    if (name !== undefined) outputs[name] = site.x;
    return frozen(site);
  };
  familyOf(config.family).encode({ g, config, inputs: encoderInputs(g), project, lookup });
  const ranges = new Map(Object.keys(outputs).map(name => [name, new Float32Array(config.hiddenSize)]));
  const head = { kind: 'token' } as const;
  for (const seen of await runSamples({ config, tokenizer, outputs, weights: float32, texts, head }))
    for (const [name, range] of ranges) widen(range, seen[name]!.data as Float32Array);
  return ranges;
}

/** Raises each column's range to the largest absolute value in `rows` [n, columns]. */
function widen(range: Float32Array, rows: Float32Array): void {
  rows.forEach((value, i) => {
    const column = i % range.length;
    range[column] = Math.max(range[column]!, Math.abs(value));
  });
}
