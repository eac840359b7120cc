/**
 * A batch's targets as the weights that each loss of heads.ts reads: class weights, label smoothing and averaging over a step
 * are in them, and the graph knows of none.
 */
import type { VirtualTokens } from '../functions/artifacts/virtual-tokens.ts';
import type { HostTensor } from './engines/engine.ts';
import { type HeadSpec, type LossName, lossName, type Weighting } from './heads.ts';

/** A training row, as far as its loss goes. @see TrainingTask.targets */
interface Taught {
  targets: Int32Array | Float32Array;
  /** Left out: its first token is in place 0. */
  virtual?: VirtualTokens | undefined;
}

/** The place of a row's first token. */
const firstPlace = ({ virtual }: Taught) => virtual?.prompt?.tokens ?? 0;

interface TargetArguments {
  rows: readonly Taught[];
  /** Tokens of a row with its padding. */
  s: number;
  labels: number;
  weighting: Weighting;
  /** One over the loss units of the whole step. */
  share: number;
}

const plain: Weighting = { labelSmoothing: 0 };

/** What a step's loss is divided by: rows, labelled tokens, rows times labels; with class weights, the sum of theirs. */
export function lossUnits(rows: readonly Taught[], spec: HeadSpec): number {
  return units[lossName(spec)](rows, spec);
}

const rowCount = (rows: readonly Taught[]) => rows.length;
const weightSum = (rows: readonly Taught[], { weighting = plain }: HeadSpec) => {
  let sum = 0;
  for (const { targets } of rows)
    for (const label of targets) if (label >= 0) sum += weighting.classWeights?.[label] ?? 1;
  return sum;
};

const units: Record<LossName, (rows: readonly Taught[], spec: HeadSpec) => number> = {
  'single-label': weightSum,
  'multi-label': (rows, { labels }) => rows.length * labels,
  regression: rowCount,
  'sequence-labeling': weightSum,
  'question-answering': rowCount,
};

export function targetsOf(
  rows: readonly Taught[],
  spec: HeadSpec,
  { s, units }: { s: number; units: number },
): HostTensor {
  const { labels, weighting = plain } = spec;
  const { shape, data } = tensors[lossName(spec)]({ rows, s, labels, weighting, share: 1 / units });
  return { dtype: 'float32', shape, data };
}

const tensors: Record<LossName, (given: TargetArguments) => { shape: number[]; data: Float32Array }> = {
  'single-label': given => classes(given, 1),
  'sequence-labeling': given => classes(given, given.s),

  // [B, 2, labels]: weights of "given" and of "not given".
  'multi-label': ({ rows, labels, weighting: { labelSmoothing, classWeights }, share }) => {
    const data = new Float32Array(rows.length * 2 * labels);
    rows.forEach(({ targets }, row) => {
      const given = new Set(targets);
      for (let label = 0; label < labels; label++) {
        const target = (given.has(label) ? 1 - labelSmoothing : 0) + labelSmoothing / 2;
        data[2 * row * labels + label] = share * target * (classWeights?.[label] ?? 1);
        data[(2 * row + 1) * labels + label] = share * (1 - target);
      }
    });
    return { shape: [rows.length, 2, labels], data };
  },

  // [B, 2]: the value and the row's weight.
  regression: ({ rows, share }) => ({
    shape: [rows.length, 2],
    data: Float32Array.from(rows.flatMap(({ targets }) => [targets[0]!, share])),
  }),

  // [B, 2, S]: start and end.
  'question-answering': ({ rows, s, share }) => {
    const data = new Float32Array(rows.length * 2 * s);
    rows.forEach((taught, row) => {
      const { targets } = taught;
      const first = firstPlace(taught);
      data[row * 2 * s + first + targets[0]!] = share / 2;
      data[row * 2 * s + s + first + targets[1]!] = share / 2;
    });
    return { shape: [rows.length, 2, s], data };
  },
};

/** [B * places, labels]: weights over the classes; zeros where nothing is taught. */
function classes(
  { rows, labels, weighting: { labelSmoothing, classWeights }, share }: TargetArguments,
  places: number,
) {
  const data = new Float32Array(rows.length * places * labels);
  const weightOf = (label: number) => classWeights?.[label] ?? 1;
  rows.forEach((taught, row) => {
    const first = places === 1 ? 0 : firstPlace(taught);
    taught.targets.forEach((own, place) => {
      if (own < 0) return;
      const at = (row * places + first + place) * labels;
      if (labelSmoothing > 0)
        for (let label = 0; label < labels; label++)
          data[at + label] = (share * labelSmoothing * weightOf(label)) / labels;
      data[at + own]! += share * (1 - labelSmoothing) * weightOf(own);
    });
  });
  return { shape: [rows.length * places, labels], data };
}
