/** Weights and start biases of classes from how often they occur among the training rows. */
import { VeneerError } from '../functions/error.ts';
import type { LossName } from './heads.ts';

/** `balanced`, or weights by label; a label that is not named weighs 1. */
export type ClassWeights = 'balanced' | Readonly<Record<string, number>>;

interface Taught {
  targets: Int32Array | Float32Array;
}

/** How many targets of the rows are each class. */
export function countsOf(rows: readonly Taught[], classes: number): Float64Array {
  const counts = new Float64Array(classes);
  for (const { targets } of rows) for (const label of targets) if (label >= 0) counts[label]!++;
  return counts;
}

interface Classes {
  loss: LossName;
  labels: readonly string[];
  rows: readonly Taught[];
}

/**
 * One weight a class. `balanced`: as scikit-learn, all over (classes that occur * own count), and 1 for a class that does not
 * occur; multi-label: rows without the label over rows with it.
 */
export function classWeightsOf(given: ClassWeights, { loss, labels, rows }: Classes): Float32Array {
  if (loss === 'regression' || loss === 'question-answering')
    throw new VeneerError('usage', `--class-weights: ${loss} has no classes`);
  if (given !== 'balanced') {
    const stranger = Object.keys(given).find(label => !labels.includes(label));
    if (stranger !== undefined)
      throw new VeneerError(
        'usage',
        `--class-weights: ${JSON.stringify(stranger)} is no label: the train split has ${labels.slice(0, 10).join(', ')}${labels.length > 10 ? ', ...' : ''}`,
      );
    return Float32Array.from(labels, label => (Object.hasOwn(given, label) ? given[label]! : 1));
  }
  const counts = countsOf(rows, labels.length);
  const all = counts.reduce((sum, count) => sum + count, 0);
  const occurring = counts.filter(count => count > 0).length;
  return Float32Array.from(counts, count => {
    if (count === 0) return 1;
    return loss === 'multi-label' ? Math.max(1, rows.length - count) / count : all / (occurring * count);
  });
}

/**
 * Where the head's bias starts. Multi-label: the log-odds of each class (from zero the features collapse before the head has
 * learned how rare its labels are); regression: the mean; else undefined, for zero.
 */
export function startBias({ loss, labels, rows }: Classes, weights?: Float32Array): Float32Array | undefined {
  if (loss === 'regression')
    return Float32Array.of(rows.reduce((sum, { targets }) => sum + targets[0]!, 0) / rows.length);
  if (loss !== 'multi-label') return undefined;
  return Float32Array.from(countsOf(rows, labels.length), (count, label) =>
    Math.log(((count + 0.5) * (weights?.[label] ?? 1)) / (rows.length - count + 0.5)),
  );
}
