/** The symbols of one word, as a linked list, and how byte-pair encoding joins them: in n log n for a long word. */
import type { SectionReader } from './format.ts';
import { MinHeap } from './min-heap.ts';
import { type PairTable, pairValue, readPairTable } from './pair-table.ts';

export interface Merges {
  /** Of two ids, the rank of their merge. */
  ranks: PairTable;
  /** The id that the merge of each rank gives. */
  merged: Int32Array;
}

export function readMerges(section: SectionReader): Merges {
  return { ranks: readPairTable(section, 'merges'), merged: section('i32', 'merged') };
}

/** A merge in the queue is rank * this + place: by rank, then from the left. */
const places = 2 ** 32;

export class Symbols {
  readonly ids: Int32Array;
  /** One past the symbol's last character, from the start of the word. */
  readonly ends: Int32Array;
  private readonly next: Int32Array;
  private readonly previous: Int32Array;
  private readonly queue: MinHeap;

  /** With room for words of so many characters. */
  constructor(capacity: number) {
    this.ids = new Int32Array(capacity);
    this.ends = new Int32Array(capacity);
    this.next = new Int32Array(capacity);
    this.previous = new Int32Array(capacity);
    // One for each pair at first, and each merge takes one out and puts at most two in.
    this.queue = new MinHeap(2 * capacity);
  }

  /** Joins the first `length` symbols until no merge is left, and gives the number of those that remain in front. */
  merge(length: number, merges: Merges): number {
    const { ids, ends, next, previous, queue } = this;
    const { merged } = merges;
    for (let i = 0; i < length; i++) {
      next[i] = i + 1;
      previous[i] = i - 1;
      if (i + 1 < length) this.offer(i, i + 1, merges);
    }
    while (queue.length > 0) {
      const item = queue.pop();
      const rank = Math.floor(item / places);
      const at = item - rank * places;
      const right = next[at]!;
      // Since this was queued, either of them may have become part of another.
      if (ids[at]! < 0 || right >= length) continue;
      const current = pairValue(merges.ranks, ids[at]!, ids[right]!);
      if (current < 0 || merged[current] !== merged[rank]) continue;
      const after = next[right]!;
      ids[at] = merged[rank]!;
      ends[at] = ends[right]!;
      next[at] = after;
      ids[right] = -1;
      if (previous[at]! >= 0) this.offer(previous[at]!, at, merges);
      if (after < length) {
        previous[after] = at;
        this.offer(at, after, merges);
      }
    }
    let count = 0;
    for (let at = 0; at < length; at = next[at]!) {
      ids[count] = ids[at]!;
      ends[count++] = ends[at]!;
    }
    return count;
  }

  private offer(at: number, right: number, { ranks }: Merges) {
    const rank = pairValue(ranks, this.ids[at]!, this.ids[right]!);
    if (rank >= 0) this.queue.push(rank * places + at);
  }
}
