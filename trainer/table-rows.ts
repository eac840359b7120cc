/** Rows [rows, width] of a table [..., width], one after another. */
export function tableRows(table: Float32Array, rows: readonly number[], width: number): Float32Array {
  const data = new Float32Array(rows.length * width);
  rows.forEach((row, i) => {
    data.set(table.subarray(row * width, (row + 1) * width), i * width);
  });
  return data;
}
