/** Extended grapheme clusters (UAX 29, Unicode 17) over code points, as the unicode-segmentation crate finds them. */
import type { PointTable } from './point-table.ts';

const category = {
  Any: 0,
  CR: 1,
  LF: 2,
  Control: 3,
  Extend: 4,
  ZWJ: 5,
  SpacingMark: 6,
  Prepend: 7,
  Regional: 8,
  Pictographic: 9,
  Consonant: 10,
  L: 11,
  V: 12,
  T: 13,
  LV: 14,
  LVT: 15,
} as const;

/** Added to the category: InCB=Extend and InCB=Linker (Indic conjuncts). */
const conjunctExtend = 16;
const conjunctLinker = 32;

const none = 0;
const opened = 1;
const linked = 2;

/** Index after the cluster that starts at `from`. */
export function graphemeEnd(
  points: Int32Array,
  from: number,
  to: number,
  table: PointTable<Uint8Array>,
): number {
  const { pages, cells } = table;
  const at = (point: number) => cells[(pages[point >>> 7]! << 7) | (point & 127)]!;
  let before = at(points[from]!) & 15;
  if (before === category.CR && from + 1 < to && points[from + 1] === 0x0a) return from + 2;
  if (before >= category.CR && before <= category.Control) return from + 1;
  // GB9c: a consonant, then a linker somewhere among extenders. GB11: a pictograph, then extenders. GB12: flags pair up.
  let conjunct = before === category.Consonant ? opened : none;
  let pictograph = before === category.Pictographic;
  let flags = before === category.Regional ? 1 : 0;
  let i = from + 1;
  for (; i < to; i++) {
    const value = at(points[i]!);
    const after = value & 15;
    if (!joins(before, after)) {
      const conjoined = after === category.Consonant && conjunct === linked;
      const emoji = after === category.Pictographic && before === category.ZWJ && pictograph;
      const flag = after === category.Regional && before === category.Regional && flags % 2 === 1;
      if (!conjoined && !emoji && !flag) break;
    }
    if (value & conjunctLinker) conjunct = conjunct === none ? none : linked;
    else if (!(value & conjunctExtend)) conjunct = after === category.Consonant ? opened : none;
    if (after !== category.Extend && after !== category.ZWJ) pictograph = after === category.Pictographic;
    else if (before === category.ZWJ) pictograph = false;
    flags = after === category.Regional ? flags + 1 : 0;
    before = after;
  }
  return i;
}

/** GB4 to GB9b: rules that only look at two neighbours. */
function joins(before: number, after: number) {
  if (after >= category.CR && after <= category.Control) return false;
  if (after >= category.Extend && after <= category.SpacingMark) return true;
  switch (before) {
    case category.Prepend:
      return true;
    case category.L:
      return after === category.L || after === category.V || after === category.LV || after === category.LVT;
    case category.LV:
    case category.V:
      return after === category.V || after === category.T;
    case category.LVT:
    case category.T:
      return after === category.T;
    default:
      return false;
  }
}
