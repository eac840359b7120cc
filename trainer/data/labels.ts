/** The label set of a data set, and that no other split has a label outside it. */
import { VeneerError } from '../../functions/error.ts';
import {
  type ClassificationExample,
  type Dataset,
  type LabelingExample,
  type Split,
  wordPlace,
} from './dataset.ts';

/** What other data has to go with: a train split, or an adapter's manifest. */
export interface Known {
  labels: readonly string[];
  /** Whether an example is a pair of texts; undefined: not known. */
  pair?: boolean | undefined;
}

/** Class labels in ascending order of their UTF-16 code units: the order of the logits. */
export function labelsOf(examples: readonly ClassificationExample[]): string[] {
  return [...new Set(examples.flatMap(example => example.labels))].sort();
}

/** `O`, then `B-` and `I-` of every entity type in ascending order, also where only one of the two occurs. */
export function tagsOf(examples: readonly LabelingExample[]): string[] {
  const types = new Set(examples.flatMap(example => example.tags.flatMap(tag => entityType(tag) ?? [])));
  return ['O', ...[...types].sort().flatMap(type => [`B-${type}`, `I-${type}`])];
}

/** The type of a `B-` or `I-` tag; undefined for `O`. */
export function entityType(tag: string): string | undefined {
  return tag === 'O' ? undefined : tag.slice(2);
}

/** @throws VeneerError where dev or test has a label that train lacks, or only one of them has text pairs. */
export function checkLabels({ train, dev, test }: Dataset<ClassificationExample>): void {
  const known = { labels: labelsOf(train.examples), pair: hasPairs(train) };
  for (const split of [dev, test]) if (split !== undefined) checkKnownLabels(split, known, 'the train split');
}

/** Whether its examples are pairs of texts: all are, or none is. */
export function hasPairs({ examples }: Split<ClassificationExample>): boolean {
  return examples[0]?.pair !== undefined;
}

/** @throws VeneerError where dev or test has an entity type that train lacks. */
export function checkEntityTypes(dataset: Dataset<LabelingExample>): void {
  const labels = tagsOf(dataset.train.examples);
  for (const split of [dataset.dev, dataset.test])
    if (split !== undefined) checkKnownEntityTypes(split, { labels }, 'the train split');
}

/** @param owner whose labels they are, for the message: `the train split`, `the adapter`. */
export function checkKnownLabels(
  split: Split<ClassificationExample>,
  { labels, pair }: Known,
  owner: string,
): void {
  const [first] = split.examples;
  if (first !== undefined && pair !== undefined && hasPairs(split) !== pair)
    throw new VeneerError(
      'invalid_data',
      `${first.where}: ${pair ? 'one text' : 'two texts'} an example, but ${owner} has ${pair ? 'two' : 'one'}: name the columns alike`,
    );
  const known = new Set(labels);
  refuse(
    'label',
    split.examples.flatMap(example =>
      example.labels.filter(label => !known.has(label)).map(name => ({ name, where: example.where })),
    ),
    { labels, owner },
  );
}

/** The tags of `known` are IOB2, as `tagsOf` gives them and an adapter's manifest carries them. */
export function checkKnownEntityTypes(split: Split<LabelingExample>, { labels }: Known, owner: string): void {
  const known = new Set(labels.flatMap(tag => entityType(tag) ?? []));
  const strangers = split.examples.flatMap(example =>
    example.tags.flatMap((tag, index) => {
      const name = entityType(tag);
      return name === undefined || known.has(name) ? [] : [{ name, where: wordPlace(example, index) }];
    }),
  );
  refuse('entity type', strangers, { labels: [...known], owner });
}

/** @throws VeneerError with the place of the first stranger and the names of all, where there are any. */
function refuse(
  what: string,
  strangers: readonly { name: string; where: string }[],
  { labels, owner }: { labels: readonly string[]; owner: string },
): void {
  const [first] = strangers;
  if (first === undefined) return;
  const names = [...new Set(strangers.map(({ name }) => name))];
  const [noun, verb] = names.length === 1 ? [what, 'is'] : [`${what}s`, 'are'];
  throw new VeneerError(
    'invalid_data',
    `${first.where}: ${noun} ${listed(names)} ${verb} unknown: ${owner} has ${listed(labels)}`,
  );
}

function listed(names: readonly string[]): string {
  if (names.length === 0) return 'none';
  const some = names.slice(0, 10).map(name => JSON.stringify(name));
  return `${some.join(', ')}${names.length > 10 ? `, … (${names.length})` : ''}`;
}
