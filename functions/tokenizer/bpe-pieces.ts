/** The strings of byte-pair encoding's ids, put together again out of the characters and the merges. */
import { codePoints, type PointTable } from './point-table.ts';
import type { Merges } from './symbols.ts';

/** What stands for an id, or an empty string. What it takes is made at the first call. */
export function bpePieces(
  characters: PointTable<Int32Array>,
  merges: Merges,
  unkId: number,
): (id: number) => string {
  let parts: ReturnType<typeof partsOf> | undefined;
  const piece = (id: number): string => {
    parts ??= partsOf(characters, merges);
    const pair = parts.pairs.get(id);
    const point = parts.points.get(id);
    if (point !== undefined) return String.fromCodePoint(point);
    return pair ? piece(pair[0]) + piece(pair[1]) : '';
  };
  return id => (id === unkId ? '' : piece(id));
}

/** The character of each id that is one, and two ids that others are merged from. */
function partsOf({ pages, cells }: PointTable<Int32Array>, { ranks: { slots }, merged }: Merges) {
  const points = new Map<number, number>();
  for (let point = 0; point < codePoints; point++) {
    const id = cells[(pages[point >>> 7]! << 7) | (point & 127)]!;
    if (id >= 0) points.set(id, point);
  }
  const pairs = new Map<number, readonly [left: number, right: number]>();
  for (let slot = 0; slot < slots.length; slot += 3)
    if (slots[slot]! >= 0) pairs.set(merged[slots[slot + 2]!]!, [slots[slot]!, slots[slot + 1]!]);
  return { points, pairs };
}
