/** Reads unicode-tables.ts. Only compiling needs it: a compiled tokenizer carries the properties it uses. */
import { codePoints } from './point-table.ts';
import { tables } from './unicode-tables.ts';

export type Property = keyof typeof tables;

/** Value of the property for every code point; 0 where the table says nothing. */
export function property(name: Property): Int32Array {
  const values = new Int32Array(codePoints);
  let end = 0;
  for (const word of tables[name].trim().split(/\s+/)) {
    const [gap, length = 1, value = 1] = word.split('.').map(digits => Number.parseInt(digits, 36));
    const start = end + gap!;
    end = start + length;
    values.fill(value, start, end);
  }
  return values;
}

export function isSurrogate(point: number) {
  return point >= 0xd800 && point < 0xe000;
}
