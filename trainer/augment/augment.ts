/** More examples of train by EDA: a function of examples, options and seed alone, whatever the rest of the run does. */
import type { ClassificationExample, LabelingExample } from '../data/dataset.ts';
import { contentOf } from '../data/holdout.ts';
import { uniform } from '../random.ts';
import { type OperationName, operationNames, operations, type Unit } from './eda.ts';
import type { Synonyms } from './synonyms.ts';
import { type Cutting, sentenceOf, textOf, type UnitName, unitsOfSentence, unitsOfText } from './units.ts';

export interface AugmentOptions {
  /** New examples for each one, at most. */
  count: number;
  /** Share of the words that an operation changes. */
  rate: number;
  /** What words of a script without spaces are. */
  unit: UnitName;
  /** A file of synonyms, read; WordNet where left out. */
  synonyms?: { sha256: string; text: string; file: string };
}

export type Augmentable = ClassificationExample | LabelingExample;

/** What decides the result, for the manifest and for resuming. */
export function describeAugment({ count, rate, unit, synonyms }: AugmentOptions) {
  return { count, rate, unit, synonyms: synonyms?.sha256 ?? 'WordNet 3.1' };
}

export interface Augmented<E> {
  /** The new ones alone. */
  examples: E[];
  counts: Record<OperationName, number>;
}

/** Stream of the random generator. */
const augmentStream = 3;

/**
 * The operations take turns; one that does not change an example, or gives what is there already, leaves its turn to the
 * next, so that short texts get fewer.
 */
export function augment<E extends Augmentable>(
  examples: readonly E[],
  {
    count,
    rate,
    unit,
    seed,
    synonyms,
  }: Omit<AugmentOptions, 'synonyms'> & { seed: number; synonyms: Synonyms },
): Augmented<E> {
  const cutting: Cutting = { unit, synonyms };
  const known = new Set(examples.map(contentOf));
  const counts = Object.fromEntries(operationNames.map(name => [name, 0])) as Augmented<E>['counts'];
  const added = examples.flatMap((example, index) => {
    const found: E[] = [];
    for (let variant = 0; variant < count; variant++) {
      let draws = 0;
      const draw = () => uniform({ seed, stream: augmentStream }, index, variant, draws++);
      for (let turn = 0; turn < operationNames.length; turn++) {
        const name = operationNames[(index + variant + turn) % operationNames.length]!;
        const change = (units: readonly Unit[]) => operations[name](units, { rate, synonyms, draw });
        const changed = changedExample(example, { cutting, change, draw });
        if (known.has(contentOf(changed))) continue;
        known.add(contentOf(changed));
        found.push(changed);
        counts[name]++;
        break;
      }
    }
    return found;
  });
  return { examples: added, counts };
}

interface Change {
  cutting: Cutting;
  change(units: readonly Unit[]): Unit[];
  draw(): number;
}

function changedExample<E extends Augmentable>(example: E, { cutting, change, draw }: Change): E {
  if ('tags' in example) {
    const units = unitsOfSentence(example, cutting);
    return sentenceOf(units.length > 0 ? change(units) : units, example) as E;
  }
  const changedText = (text: string) => {
    const { units, after } = unitsOfText(text, cutting);
    return units.length === 0 ? text : textOf({ units: change(units), after });
  };
  // Of a pair, one side is changed.
  if (example.pair !== undefined && draw() < 0.5) return { ...example, pair: changedText(example.pair) };
  return { ...example, text: changedText(example.text) };
}
