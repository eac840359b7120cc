/** The label set of a data set, and that no other split has a label outside it. */
import { VeneerError } from '../../functions/error.ts';
import type { ClassificationExample, Dataset, LabelingExample, Split, Where } from './dataset.ts';

/** Class labels in ascending order of their UTF-16 code units: the order of the logits. */
export function labelsOf(examples: readonly ClassificationExample[]): string[] {
  return [...new Set(examples.map(example => example.label))].sort();
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
export function checkLabels(dataset: Dataset<ClassificationExample>): void {
  const labels = labelsOf(dataset.train.examples);
  const [first] = dataset.train.examples;
  for (const split of [dataset.dev, dataset.test]) {
    if (split === undefined) continue;
    checkKnownLabels(split, labels, 'the train split');
    const [other] = split.examples;
    if (
      first !== undefined &&
      other !== undefined &&
      (first.pair === undefined) !== (other.pair === undefined)
    )
      throw new VeneerError(
        'invalid_data',
        `${other.where}: ${other.pair === undefined ? 'one text' : 'two texts'} an example, but ${first.where} has ${first.pair === undefined ? 'one' : 'two'}: name the columns alike`,
      );
  }
}

/** @throws VeneerError where dev or test has an entity type that train lacks. */
export function checkEntityTypes(dataset: Dataset<LabelingExample>): void {
  const tags = tagsOf(dataset.train.examples);
  for (const split of [dataset.dev, dataset.test])
    if (split !== undefined) checkKnownEntityTypes(split, tags, 'the train split');
}

/** @param owner whose labels they are, for the message: `the train split`, `the adapter`. */
export function checkKnownLabels(
  split: Split<ClassificationExample>,
  labels: readonly string[],
  owner: string,
): void {
  const known = new Set(labels);
  const stranger = split.examples.find(example => !known.has(example.label));
  if (stranger !== undefined)
    throw unknown('label', stranger.label, labels, { owner, where: stranger.where });
}

/** @param tags IOB2 tags, as `tagsOf` gives them and an adapter's manifest carries them. */
export function checkKnownEntityTypes(
  split: Split<LabelingExample>,
  tags: readonly string[],
  owner: string,
): void {
  const known = new Set(tags.map(entityType));
  for (const example of split.examples) {
    const index = example.tags.findIndex(tag => !known.has(entityType(tag)) && tag !== 'O');
    if (index < 0) continue;
    const types = [...known].filter(type => type !== undefined);
    throw unknown('entity type', entityType(example.tags[index]!)!, types, {
      owner,
      where: lineAfter(example.where, index),
    });
  }
}

function unknown(
  what: string,
  found: string,
  known: readonly string[],
  { owner, where }: { owner: string; where: Where },
) {
  const some = known.slice(0, 10).map(name => JSON.stringify(name));
  const list =
    known.length === 0 ? 'none' : `${some.join(', ')}${known.length > 10 ? `, … (${known.length})` : ''}`;
  return new VeneerError(
    'invalid_data',
    `${where}: ${what} ${JSON.stringify(found)} is unknown: ${owner} has ${list}`,
  );
}

/** The words of a sentence stand on consecutive lines. */
function lineAfter(where: Where, words: number): Where {
  return where.replace(/\d+$/, line => String(Number(line) + words));
}
