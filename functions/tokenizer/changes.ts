/** Where the characters of a rewritten text come from, as the Rust library's normalizers tell it. */
import { grown, type Text } from './draft.ts';

/** A change for each character of the output: 0 stands for one, 1 is an addition, -n stands for one and n dropped ones. */
export class Changes {
  private changes = new Int32Array(256);

  /** Adds a character, whose place `align` gives. */
  push(output: Text, point: number, change: number) {
    if (output.length === this.changes.length) this.changes = grown(this.changes, 2 * output.length);
    this.changes[output.length] = change;
    output.push(point, 0, 0);
  }

  /** Counts `count` characters more as dropped after the last one of `output`. */
  drop(output: Text, count: number) {
    this.changes[output.length - 1]! -= count;
  }

  /** Gives each character of `output` the place of the one it stands for; an addition, that of the one before. */
  align(input: Text, output: Text) {
    let next = 0;
    for (let i = 0; i < output.length; i++) {
      const change = this.changes[i]!;
      const place = change > 0 ? next - 1 : next;
      output.starts[i] = place < 0 ? 0 : input.starts[place]!;
      output.ends[i] = place < 0 ? 0 : input.ends[place]!;
      if (change <= 0) next += 1 - change;
    }
  }
}
