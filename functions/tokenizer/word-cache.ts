/** The tokens of short words that were met before: a fixed number of places, a newer word takes that of an older. */
const places = 1 << 13;
/** Characters, and so tokens, of a word at most. */
const width = 16;

export class WordCache {
  /** Characters of the word at each place (0: free), and how many tokens it is. */
  private readonly lengths = new Uint8Array(places);
  private readonly counts = new Uint8Array(places);
  private readonly characters = new Int32Array(places * width);
  private readonly ids = new Int32Array(places * width);
  /** Ends of the tokens, in characters from the start of the word. */
  private readonly ends = new Uint8Array(places * width);
  /** Where the word that was asked for last is, or would be. */
  private place = 0;

  /** Writes the tokens of the word to `ids` and `ends`, and gives their number; -1 where it is not known. */
  read(points: Int32Array, { from, to, ids, ends }: Word): number {
    const length = to - from;
    if (length > width) return -1;
    let hash = length;
    for (let i = from; i < to; i++) hash = Math.imul(hash ^ points[i]!, 0x9e3779b1);
    this.place = (hash ^ (hash >>> 15)) & (places - 1);
    const first = this.place * width;
    if (this.lengths[this.place] !== length) return -1;
    for (let i = 0; i < length; i++) if (this.characters[first + i] !== points[from + i]) return -1;
    const count = this.counts[this.place]!;
    for (let i = 0; i < count; i++) {
      ids[i] = this.ids[first + i]!;
      ends[i] = this.ends[first + i]!;
    }
    return count;
  }

  /** Keeps the first `count` of the tokens for the word that `read` did not know. */
  write(points: Int32Array, { from, to, ids, ends }: Word, count: number) {
    if (to - from > width) return;
    const first = this.place * width;
    this.lengths[this.place] = to - from;
    this.counts[this.place] = count;
    this.characters.set(points.subarray(from, to), first);
    this.ids.set(ids.subarray(0, count), first);
    this.ends.set(ends.subarray(0, count), first);
  }
}

interface Word {
  from: number;
  to: number;
  ids: Int32Array;
  ends: Int32Array;
}
