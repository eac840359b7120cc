/** Holds out a dev split where the data set has none: a function of examples, ratio and seed alone, on any machine. */
import { sha256 } from '../../functions/artifacts/digest.ts';
import { VeneerError } from '../../functions/error.ts';
import type { ClassificationExample, LabelingExample, QuestionExample } from './dataset.ts';
import { entityType } from './labels.ts';

type Example = ClassificationExample | LabelingExample | QuestionExample;

/** `content`: examples with the same one stay together, so that nothing in dev was trained on. */
interface Facts {
  content: string;
  stratum: string;
  /** What must stay in train at least once. */
  kinds: string[];
}

function factsOf(example: Example): Facts {
  if ('label' in example)
    return {
      content: JSON.stringify([example.text, example.pair]),
      stratum: example.label,
      kinds: [example.label],
    };
  if ('tags' in example)
    return {
      content: JSON.stringify(example.words),
      stratum: '',
      kinds: [...new Set(example.tags.flatMap(tag => entityType(tag) ?? []))],
    };
  return { content: example.context, stratum: '', kinds: [] };
}

/**
 * About `ratio` of the examples go to dev, in file order: of each label alike for classification (every label and entity
 * type stays in train), whole contexts for question answering.
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
  for (const [index, { stratum, content }] of facts.entries()) {
    const key = JSON.stringify([stratum, content]);
    groups.set(key, [...(groups.get(key) ?? []), index]);
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
    const { stratum } = facts[members[0]!]!;
    const quota = quotas.get(stratum)!;
    if (members.length <= quota && take(members)) quotas.set(stratum, quota - members.length);
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
