/** A property of every code point, as pages of 128 of which equal ones are stored once: two loads a lookup. */
import type { Section, SectionReader, SectionWriter } from './format.ts';

export const codePoints = 0x110000;
const pageSize = 128;

/** Look up as `cells[(pages[point >>> 7]! << 7) | (point & 127)]`. */
export interface PointTable<Cells extends Section = Section> {
  pages: Uint16Array;
  cells: Cells;
}

type Cells = Uint8Array | Uint16Array | Int32Array;

/** `values` has one element a code point. */
export function writePointTable(write: SectionWriter, name: string, values: Cells) {
  const pages = new Uint16Array(codePoints / pageSize);
  const numbers = new Map<string, number>();
  const distinct: Cells[] = [];
  for (let page = 0; page < pages.length; page++) {
    const slice = values.subarray(page * pageSize, (page + 1) * pageSize);
    const key = Buffer.from(slice.buffer, slice.byteOffset, slice.byteLength).toString('latin1');
    let number = numbers.get(key);
    if (number === undefined) {
      number = distinct.push(slice) - 1;
      numbers.set(key, number);
    }
    pages[page] = number;
  }
  const cells = values.slice(0, distinct.length * pageSize);
  for (const [number, slice] of distinct.entries()) cells.set(slice, number * pageSize);
  write(`${name}.pages`, pages);
  write(`${name}.cells`, cells);
}

export function readPointTable<K extends 'u8' | 'u16' | 'i32'>(
  section: SectionReader,
  kind: K,
  name: string,
) {
  return { pages: section('u16', `${name}.pages`), cells: section(kind, `${name}.cells`) };
}
