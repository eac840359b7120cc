/** A number for each of many pairs of numbers: an open-addressed hash table, built at compile time, probed in place. */
import type { SectionReader, SectionWriter } from './format.ts';

/** Slot n is slots[3n] left, slots[3n + 1] right, slots[3n + 2] value; left is -1 where the slot is free. */
export interface PairTable {
  slots: Int32Array;
  /** What is left of a 32-bit hash after this shift is a slot. */
  shift: number;
}

/** Lefts, rights and values are not negative. Of equal pairs the last one counts. */
export function writePairTable(
  write: SectionWriter,
  name: string,
  pairs: readonly (readonly [left: number, right: number, value: number])[],
) {
  let capacity = 4;
  while (capacity < 2 * pairs.length) capacity *= 2;
  const table = { slots: new Int32Array(3 * capacity).fill(-1), shift: shiftOf(capacity) };
  for (const pair of pairs) table.slots.set(pair, 3 * slotOf(table, pair[0], pair[1]));
  write(name, table.slots);
}

export function readPairTable(section: SectionReader, name: string): PairTable {
  const slots = section('i32', name);
  return { slots, shift: shiftOf(slots.length / 3) };
}

/** The value of a pair, or -1. */
export function pairValue(table: PairTable, left: number, right: number): number {
  return table.slots[3 * slotOf(table, left, right) + 2]!;
}

/** Where the pair is, or the free slot where it would be. */
function slotOf({ slots, shift }: PairTable, left: number, right: number) {
  const last = slots.length / 3 - 1;
  let slot = Math.imul(Math.imul(left, 0x9e3779b1) ^ right, 0x85ebca6b) >>> shift;
  for (; ; slot = slot === last ? 0 : slot + 1) {
    const found = slots[3 * slot]!;
    if (found < 0 || (found === left && slots[3 * slot + 1] === right)) return slot;
  }
}

/** `capacity` is a power of two, at least 2. */
const shiftOf = (capacity: number) => Math.clz32(capacity) + 1;
