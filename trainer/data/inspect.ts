/**
 * What a person should know of a data set before a model does: counts, duplicates, texts with two labels, and texts of dev
 * or test that are trained on. Repeats are a warning, never removed: some data has them on purpose.
 */
import type { Dataset, LabelingExample, Split, Where } from './dataset.ts';
import { contentOf, type Example } from './holdout.ts';
import { entityType } from './labels.ts';

export interface SplitStatistics {
  examples: number;
  skipped: number;
  /** Examples by class, entities by type, questions by whether they are answered; of regression: see `values`. */
  labels: Record<string, number>;
  /** Of regression: the spread of what is predicted. */
  values?: { least: number; most: number; mean: number; deviation: number };
}

export interface Inspection {
  splits: Record<string, SplitStatistics>;
  /** One sentence each. */
  warnings: string[];
}

type SplitEntry = [name: string, split: Split<Example>];

export function inspect(data: Dataset<Example>): Inspection {
  const { train, dev, test } = data;
  const others: SplitEntry[] = [
    ...(dev ? [['dev', dev] as SplitEntry] : []),
    ...(test ? [['test', test] as SplitEntry] : []),
  ];
  const splits = Object.fromEntries(
    [['train', train] as SplitEntry, ...others].map(([name, split]) => [name, statisticsOf(split)]),
  );
  return {
    splits,
    warnings: [
      ...repeats(train.examples),
      ...others.flatMap(([name, split]) => leaks(train.examples, name, split.examples)),
      ...rarities(splits.train!),
      ...spread(splits.train!),
    ],
  };
}

function statisticsOf({ examples, skipped }: Split<Example>): SplitStatistics {
  const counts = new Map<string, number>();
  for (const example of examples)
    for (const name of kindsOf(example)) counts.set(name, (counts.get(name) ?? 0) + 1);
  const values = examples.flatMap(example => ('value' in example ? [example.value!] : []));
  return {
    examples: examples.length,
    skipped: skipped.reduce((sum, { count }) => sum + count, 0),
    labels: Object.fromEntries(counts),
    ...(values.length > 0 ? { values: spreadOf(values) } : {}),
  };
}

function kindsOf(example: Example): readonly string[] {
  if ('value' in example) return [];
  if ('labels' in example) return example.labels;
  if ('tags' in example) return entitiesIn(example);
  return [example.answers.length > 0 ? 'answered' : 'unanswerable'];
}

function entitiesIn({ tags }: LabelingExample): string[] {
  return tags.flatMap(tag => (tag.startsWith('B-') ? entityType(tag)! : []));
}

function spreadOf(values: readonly number[]): NonNullable<SplitStatistics['values']> {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
  const [least, most] = values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  );
  return { least, most, mean, deviation: Math.sqrt(variance) };
}

/** What an example asks: its content and, of a passage, the question. */
function askedOf(example: Example): string {
  return 'question' in example ? JSON.stringify([example.question, example.context]) : contentOf(example);
}

function answerOf(example: Example): string {
  if ('value' in example) return String(example.value);
  if ('labels' in example) return JSON.stringify([...example.labels].sort());
  if ('tags' in example) return JSON.stringify(example.tags);
  return JSON.stringify(example.answers.map(({ start, text }) => [start, text]));
}

function repeats(examples: readonly Example[]): string[] {
  const firsts = new Map<string, { answer: string; where: Where }>();
  const again: string[] = [];
  const otherwise: string[] = [];
  for (const example of examples) {
    const key = askedOf(example);
    const answer = answerOf(example);
    const first = firsts.get(key);
    if (first === undefined) firsts.set(key, { answer, where: example.where });
    else (first.answer === answer ? again : otherwise).push(`${example.where} as ${first.where}`);
  }
  return [
    ...warning(again, 'examples of train stand there more than once'),
    ...warning(otherwise, 'examples of train have the text of another but not its label'),
  ];
}

function leaks(train: readonly Example[], name: string, examples: readonly Example[]): string[] {
  const trained = new Map(train.map(example => [contentOf(example), example.where]));
  const found = examples.flatMap(example => {
    const where = trained.get(contentOf(example));
    return where === undefined ? [] : [`${example.where} as ${where}`];
  });
  const share = ((100 * found.length) / Math.max(1, examples.length)).toFixed(1);
  return warning(
    found,
    `examples of ${name} (${share} %) have a text that is trained on: the score flatters`,
  );
}

function warning(places: readonly string[], what: string): string[] {
  if (places.length === 0) return [];
  const some = places.slice(0, 3).join(', ');
  return [`${places.length} ${what} (${some}${places.length > 3 ? ', ...' : ''})`];
}

function rarities({ labels }: SplitStatistics): string[] {
  const rare = Object.keys(labels).filter(name => labels[name]! < 2);
  if (rare.length === 0) return [];
  const some = rare.slice(0, 5).map(name => JSON.stringify(name));
  return [
    `${rare.length} of ${Object.keys(labels).length} labels have fewer than 2 examples in train (${some.join(', ')}${rare.length > 5 ? ', ...' : ''})`,
  ];
}

/** A head moves by about the learning rate a step: far larger or smaller values than 1 are learned slowly or not at all. */
function spread({ values }: SplitStatistics): string[] {
  if (values === undefined || (values.deviation > 0.02 && values.deviation < 50)) return [];
  return [
    `the values to predict have standard deviation ${values.deviation.toPrecision(3)}: they are learned as they stand, so scale them to about 1`,
  ];
}

/** `4463 examples: ham 3866, spam 597`, most first. */
export function described({ examples, labels, values }: SplitStatistics): string {
  const names = Object.keys(labels).sort((a, b) => labels[b]! - labels[a]! || (a < b ? -1 : 1));
  const some = names.slice(0, 10).map(name => `${name} ${labels[name]}`);
  const more =
    names.length > 10 ? `, ... ${names.at(-1)} ${labels[names.at(-1)!]} (${names.length} labels)` : '';
  const numbers = values
    ? [
        `values ${values.least} to ${values.most}, mean ${values.mean.toPrecision(4)}, standard deviation ${values.deviation.toPrecision(4)}`,
      ]
    : [];
  return `${examples} examples: ${[...some, ...numbers].join(', ') || 'no labels'}${more}`;
}
