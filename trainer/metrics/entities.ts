/**
 * Precision, recall and F1 over entities, as seqeval with mode='strict', scheme=IOB2: an entity counts where type and both
 * ends agree, and only a `B-` starts one; an `I-` that continues none belongs to no entity. Fractions, 0 to 1.
 */
import type { Metrics } from '../../functions/artifacts/manifests.ts';
import { type Counts, type Score, scoreOf } from './score.ts';

export interface EntityScore {
  /** `precision`, `recall`, `f1` over all entities together (micro). */
  metrics: Metrics;
  /** By entity type, ascending. */
  perType: Record<string, Score>;
}

/** An entity over words `start` to `end`, the latter not included. */
export interface Entity {
  type: string;
  start: number;
  end: number;
}

/** Entities of one sentence's IOB2 tags. */
export function entitiesOf(tags: readonly string[]): Entity[] {
  const entities: Entity[] = [];
  let open: Entity | undefined;
  for (const [index, tag] of tags.entries()) {
    if (tag.startsWith('B-')) {
      open = { type: tag.slice(2), start: index, end: index + 1 };
      entities.push(open);
    } else if (open !== undefined && tag === `I-${open.type}`) open.end = index + 1;
    else open = undefined;
  }
  return entities;
}

/** @param predicted as many tags a sentence as gold has. */
export function scoreEntities(
  gold: readonly (readonly string[])[],
  predicted: readonly (readonly string[])[],
): EntityScore {
  if (gold.length !== predicted.length)
    throw new Error(`predictions for ${predicted.length} of ${gold.length} sentences`);
  const total: Counts = { correct: 0, predicted: 0, gold: 0 };
  const byType = new Map<string, Counts>();
  const add = (type: string, field: keyof Counts) => {
    const counts = byType.get(type) ?? { correct: 0, predicted: 0, gold: 0 };
    byType.set(type, counts);
    counts[field]++;
    total[field]++;
  };
  for (const [index, tags] of gold.entries()) {
    const guessed = predicted[index]!;
    if (guessed.length !== tags.length)
      throw new Error(`sentence ${index}: ${guessed.length} tags for ${tags.length} words`);
    const found = new Set<string>();
    for (const entity of entitiesOf(tags)) {
      add(entity.type, 'gold');
      found.add(keyOf(entity));
    }
    for (const entity of entitiesOf(guessed)) {
      add(entity.type, 'predicted');
      if (found.has(keyOf(entity))) add(entity.type, 'correct');
    }
  }
  const { precision, recall, f1 } = scoreOf(total);
  const types = [...byType].sort(([a], [b]) => (a < b ? -1 : 1));
  return {
    metrics: { precision, recall, f1 },
    perType: Object.fromEntries(types.map(([type, counts]) => [type, scoreOf(counts)])),
  };
}

function keyOf({ type, start, end }: Entity): string {
  return `${start} ${end} ${type}`;
}
