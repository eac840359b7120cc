/** A stream of bytes as lines, whatever the pieces in which they come. Holds one line at a time. */

/** Undefined for a line that is longer than it may be, whose bytes are not kept. */
export type Line = Uint8Array | undefined;

const [newline, carriageReturn] = [0x0a, 0x0d];

/** Without their ends, LF or CRLF. The last line needs none. */
export async function* readLines(
  pieces: AsyncIterable<Uint8Array>,
  maxLineBytes: number,
): AsyncGenerator<Line> {
  let held: Uint8Array[] = [];
  let size = 0;
  const hold = (bytes: Uint8Array) => {
    size += bytes.length;
    // One more for the CR of a line that is as long as it may be.
    if (size <= maxLineBytes + 1) held.push(bytes);
    else held = [];
  };
  const release = (): Line => {
    const tooLong = size > maxLineBytes + 1;
    const whole = Buffer.concat(held);
    [held, size] = [[], 0];
    const line = whole.at(-1) === carriageReturn ? whole.subarray(0, -1) : whole;
    return tooLong || line.length > maxLineBytes ? undefined : line;
  };
  for await (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf(newline); end >= 0; end = piece.indexOf(newline, from)) {
      hold(piece.subarray(from, end));
      yield release();
      from = end + 1;
    }
    if (from < piece.length) hold(piece.subarray(from));
  }
  if (size > 0) yield release();
}
