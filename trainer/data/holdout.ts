/** Holds out a dev split where the data set has none: a function of examples, ratio and seed alone, on any machine. */
import { sha256 } from '../../functions/artifacts/digest.ts';
import { VeneerError } from '../../functions/error.ts';
import type { ClassificationExample, Dataset, LabelingExample, QuestionExample, Split } from './dataset.ts';
import { entityType } from './labels.ts';

export type Example = ClassificationExample | LabelingExample | QuestionExample;

/** What must not be on both sides of a split: the text or pair, the sentence, the passage. */
export function contentOf(example: Example): string {
  if ('labels' in example) return JSON.stringify([example.text, example.pair]);
  return 'tags' in example ? JSON.stringify(example.words) : example.context;
}

/** `content`: examples with the same one stay together whatever their labels, so that nothing in dev was trained on. */
interface Facts {
  content: string;
  stratum: string;
  /** What must stay in train at least once. */
  kinds: string[];
}

function factsOf(example: Example): Facts {
  const content = contentOf(example);
  if ('labels' in example)
    return { content, stratum: example.labels.length === 1 ? example.labels[0]! : '', kinds: example.labels };
  if (!('tags' in example)) return { content, stratum: '', kinds: [] };
  return {
    content,
    stratum: '',
    kinds: [...new Set(example.tags.flatMap(tag => entityType(tag) ?? []))],
  };
}

/** Shares of all examples. */
export interface Ratios {
  dev: number;
  test?: number;
}

/** @throws VeneerError `usage` where the data set has a file for what would be held out. */
export function holdOut<E extends Example>(
  dataset: Dataset<E>,
  { dev: devRatio, test: testRatio }: Ratios,
  seed: number,
): Dataset<E> {
  for (const name of ['dev', ...(testRatio === undefined ? [] : ['test'])] as const)
    if (dataset[name as 'dev' | 'test'] !== undefined)
      throw new VeneerError(
        'usage',
        `--split: the data set has a ${name} split of its own: leave --split out`,
      );
  const { examples, ...rest } = dataset.train;
  const part = (taken: E[]): Split<E> => ({ examples: taken, skipped: [], digest: rest.digest });
  const held = testRatio === undefined ? undefined : splitOff(examples, testRatio, seed);
  const left = held?.train ?? examples;
  const { train, dev } = splitOff(left, devRatio / (1 - (testRatio ?? 0)), seed);
  return {
    ...dataset,
    train: { ...rest, examples: train },
    dev: part(dev),
    ...(held ? { test: part(held.dev) } : {}),
  };
}

/**
 * About `ratio` of the examples go to dev, in file order: of each label alike where an example has one, whole contexts for
 * question answering. Every label and entity type stays in train.
 */
export function splitOff<E extends Example>(
  examples: readonly E[],
  ratio: number,
  seed: number,
): { train: E[]; dev: E[] } {
  if (!(ratio > 0 && ratio < 1))
    throw new VeneerError('usage', `a dev ratio of ${ratio}: it must be between 0 and 1`);
  const facts = examples.map(factsOf);
  const groups = new Map<string, number[]>();
  for (const [index, { content }] of facts.entries()) {
    const members = groups.get(content);
    if (members) members.push(index);
    else groups.set(content, [index]);
  }
  const shuffled = [...groups]
    .map(([key, members]) => ({ members, order: sha256(`${seed} ${key}`) }))
    .sort((a, b) => (a.order < b.order ? -1 : 1));
  const quotas = quotasOf(facts, ratio);
  const remaining = tally(facts.flatMap(({ kinds }) => kinds));
  const held = new Set<number>();
  const take = (members: number[]) => {
    const lost = [...tally(members.flatMap(index => facts[index]!.kinds))];
    if (held.size + members.length >= examples.length) return false;
    if (lost.some(([kind, times]) => remaining.get(kind)! <= times)) return false;
    for (const [kind, times] of lost) remaining.set(kind, remaining.get(kind)! - times);
    for (const index of members) held.add(index);
    return true;
  };
  for (const { members } of shuffled) {
    const shares = [...tally(members.map(index => facts[index]!.stratum))];
    if (shares.every(([stratum, size]) => size <= quotas.get(stratum)!) && take(members))
      for (const [stratum, size] of shares) quotas.set(stratum, quotas.get(stratum)! - size);
  }
  // Every group was larger than its quota: the smallest that can go.
  if (held.size === 0)
    shuffled.sort((a, b) => a.members.length - b.members.length).some(({ members }) => take(members));
  if (held.size === 0)
    throw new VeneerError(
      'invalid_data',
      `${examples.length} examples are too few to hold any out: give a dev file`,
    );
  return {
    train: examples.filter((_, index) => !held.has(index)),
    dev: examples.filter((_, index) => held.has(index)),
  };
}

/** Examples to hold out a stratum, by largest remainder, so that they add up to the ratio of all. */
function quotasOf(facts: Facts[], ratio: number): Map<string, number> {
  const sizes = [...tally(facts.map(({ stratum }) => stratum))].map(([stratum, size]) => {
    const exact = size * ratio;
    return { stratum, whole: Math.floor(exact), rest: exact - Math.floor(exact) };
  });
  sizes.sort((a, b) => b.rest - a.rest || (a.stratum < b.stratum ? -1 : 1));
  const total = Math.max(1, Math.round(facts.length * ratio));
  const extra = total - sizes.reduce((sum, { whole }) => sum + whole, 0);
  return new Map(sizes.map(({ stratum, whole }, index) => [stratum, whole + (index < extra ? 1 : 0)]));
}

function tally(names: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return counts;
}
