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
  // Only I- tags are choosy: they follow the B- and I- of their type. All others share one best predecessor.
  const before = tags.map(tag =>
    tag.startsWith('I-') ? tags.flatMap((previous, i) => (mayFollow(previous, tag) ? [i] : [])) : undefined,
  );
  const back: Int32Array[] = [];
  let best = Float64Array.from(tags, tag => (mayFollow(undefined, tag) ? 0 : Number.NEGATIVE_INFINITY));
  scores.forEach((row, word) => {
    const next = new Float64Array(count);
    const from = new Int32Array(count);
    const winnerOf = (candidates: Iterable<number>) => {
      let winner = -1;
      for (const i of candidates) if (winner < 0 || best[i]! > best[winner]!) winner = i;
      return winner;
    };
    const anyWinner = word === 0 ? -1 : winnerOf(best.keys());
    for (let tag = 0; tag < count; tag++) {
      const choosy = before[tag];
      const winner = word === 0 ? tag : choosy ? winnerOf(choosy) : anyWinner;
      from[tag] = winner;
      next[tag] = (best[winner] ?? Number.NEGATIVE_INFINITY) + Math.max(impossible, row[tag]!);
    }
    back.push(from);
    best = next;
  });
  const path = new Int32Array(scores.length);
  if (scores.length === 0) return path;
  let tag = best.reduce((winner, score, i) => (score > best[winner]! ? i : winner), 0);
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
