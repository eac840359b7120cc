/**
 * Memory that batches' inputs are laid out in, used again batch after batch: megabytes anew for each run would cost their
 * page faults, and collections that the freed ones call for.
 */

/** Smaller ones are not worth keeping. */
const leastBytes = 1 << 16;
/** Held for the next batches, at most. */
const mostBytes = 1 << 25;

export interface Buffers {
  /** Of at least so many bytes, holding anything. */
  take(bytes: number): ArrayBuffer;
  /** What no run reads any more. */
  give(spent: Iterable<ArrayBuffer>): void;
}

export function reusedBuffers(): Buffers {
  /** The one given last comes last. */
  let held: ArrayBuffer[] = [];
  return {
    take(bytes) {
      const fitting = held
        .filter(({ byteLength }) => byteLength >= bytes && byteLength <= 4 * bytes)
        .sort((a, b) => a.byteLength - b.byteLength);
      const [found] = fitting;
      if (!found) return new ArrayBuffer(Math.max(leastBytes, 2 ** Math.ceil(Math.log2(bytes))));
      held = held.filter(buffer => buffer !== found);
      return found;
    },
    give(spent) {
      held.push(...Array.from(spent).filter(({ byteLength }) => byteLength >= leastBytes));
      let total = held.reduce((sum, { byteLength }) => sum + byteLength, 0);
      while (total > mostBytes) total -= held.shift()!.byteLength;
    },
  };
}
