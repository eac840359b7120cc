/** IOB2 tags: which may follow which, the best allowed sequence, and the entities it spells. */

export interface Entity {
  type: string;
  /** Words [first, last]. */
  first: number;
  last: number;
}

const typeOf = (tag: string) => tag.slice(2);

/** `I-x` may only follow `B-x` or `I-x`; anything else may follow anything. */
function mayFollow(previous: string | undefined, tag: string): boolean {
  return (
    !tag.startsWith('I-') || (previous !== undefined && previous !== 'O' && typeOf(previous) === typeOf(tag))
  );
}

/** Stands for the logarithm of a zero probability: finite, so that the rest of a sequence still counts. */
const impossible = -1e9;

/**
 * The most probable tag sequence among those that IOB2 allows (Viterbi over per-word scores, no transition weights).
 * @param scores One row of tag scores (logits or log-probabilities) a word.
 */
export function decodeTags(scores: readonly ArrayLike<number>[], tags: readonly string[]): Int32Array {
  const count = tags.length;
  const allowed = tags.map(tag => tags.flatMap((previous, i) => (mayFollow(previous, tag) ? [i] : [])));
  const back: Int32Array[] = [];
  let best = Float64Array.from(tags, tag => (mayFollow(undefined, tag) ? 0 : Number.NEGATIVE_INFINITY));
  scores.forEach((row, word) => {
    const next = new Float64Array(count);
    const from = new Int32Array(count);
    for (let tag = 0; tag < count; tag++) {
      let winner = -1;
      if (word > 0) for (const i of allowed[tag]!) if (winner < 0 || best[i]! > best[winner]!) winner = i;
      from[tag] = winner;
      const before = word === 0 ? best[tag]! : winner < 0 ? Number.NEGATIVE_INFINITY : best[winner]!;
      next[tag] = before + Math.max(impossible, row[tag]!);
    }
    back.push(from);
    best = next;
  });
  const path = new Int32Array(scores.length);
  if (scores.length === 0) return path;
  let tag = best.indexOf(Math.max(...best));
  for (let word = scores.length - 1; word >= 0; word--) {
    path[word] = tag;
    tag = back[word]![tag]!;
  }
  return path;
}

/** Entities of a valid IOB2 sequence. */
export function entitiesOf(tags: readonly string[]): Entity[] {
  const entities: Entity[] = [];
  tags.forEach((tag, word) => {
    const open = entities.at(-1);
    if (tag.startsWith('B-')) entities.push({ type: typeOf(tag), first: word, last: word });
    else if (tag.startsWith('I-') && open) open.last = word;
  });
  return entities;
}
