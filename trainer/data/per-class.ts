/** So many examples of each class of train, a function of the examples, their number and the seed alone. */
import { sha256 } from '../../functions/artifacts/digest.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Split } from './dataset.ts';
import { contentOf, type Example } from './holdout.ts';

/**
 * In the order of the examples; a class that has fewer keeps those.
 * @throws VeneerError `usage` where an example is not of one class.
 */
export function keepPerClass<E extends Example>(split: Split<E>, count: number, seed: number): Split<E> {
  const classes = new Map<string, { index: number; order: string }[]>();
  split.examples.forEach((example, index) => {
    const order = sha256(`${seed} ${contentOf(example)}`);
    const name = classOf(example, count);
    const members = classes.get(name);
    if (members) members.push({ index, order });
    else classes.set(name, [{ index, order }]);
  });
  const kept = new Set<number>();
  for (const members of classes.values())
    for (const { index } of members.sort((a, b) => (a.order < b.order ? -1 : 1)).slice(0, count))
      kept.add(index);
  const short = [...classes].filter(([, members]) => members.length < count);
  const some = short.slice(0, 3).map(([name, { length }]) => `${JSON.stringify(name)} ${length}`);
  const fewer =
    short.length === 0
      ? ''
      : `; ${short.length} of ${classes.size} classes have fewer (${some.join(', ')}${short.length > 3 ? ', ...' : ''})`;
  const note = `--per-class ${count} keeps ${kept.size} of ${split.examples.length} examples${fewer}`;
  return {
    ...split,
    examples: split.examples.filter((_, index) => kept.has(index)),
    notes: [...(split.notes ?? []), note],
  };
}

function classOf(example: Example, count: number): string {
  if ('labels' in example && example.value === undefined && example.labels.length === 1)
    return example.labels[0]!;
  throw new VeneerError(
    'usage',
    `--per-class ${count}: for single-label classification only, and ${example.where} is not of one class`,
  );
}
