/**
 * The text on its way to tokens: code points, each with the UTF-16 range of the original it came from, and the spans
 * (words) it is cut into. One draft is reused for every call, so that nothing is allocated per character.
 */

/** Stands for a lone surrogate: what UTF-8 makes of it. */
const replacementCharacter = 0xfffd;

/** Code points in parallel arrays; `starts` and `ends` are UTF-16 offsets into the original text. */
export class Text {
  points = new Int32Array(256);
  starts = new Int32Array(256);
  ends = new Int32Array(256);
  length = 0;

  push(point: number, start: number, end: number) {
    const at = this.length;
    if (at === this.points.length) this.reserve(at + 1);
    this.points[at] = point;
    this.starts[at] = start;
    this.ends[at] = end;
    this.length = at + 1;
  }

  reserve(length: number) {
    if (length <= this.points.length) return;
    const capacity = Math.max(length, 2 * this.points.length);
    this.points = grown(this.points, capacity);
    this.starts = grown(this.starts, capacity);
    this.ends = grown(this.ends, capacity);
  }

  /** Takes over `source` from `from` to `to`, character by character. */
  decode(source: string, from: number, to: number) {
    this.reserve(to - from);
    const { points, starts, ends } = this;
    let length = 0;
    for (let i = from; i < to; ) {
      const start = i;
      let point = source.charCodeAt(i++);
      if (point >= 0xd800 && point < 0xe000) {
        const low = point < 0xdc00 && i < to ? source.charCodeAt(i) : 0;
        if (low >= 0xdc00 && low < 0xe000) {
          point = 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
          i++;
        } else point = replacementCharacter;
      }
      points[length] = point;
      starts[length] = start;
      ends[length++] = i;
    }
    this.length = length;
  }
}

/** Ranges of a Text; `ids` is the vocabulary id where the range is an added token, and -1 where it is still text. */
export class Spans {
  froms = new Int32Array(64);
  tos = new Int32Array(64);
  ids = new Int32Array(64);
  length = 0;

  push(from: number, to: number, id: number) {
    const at = this.length;
    if (at === this.froms.length) {
      this.froms = grown(this.froms, 2 * at);
      this.tos = grown(this.tos, 2 * at);
      this.ids = grown(this.ids, 2 * at);
    }
    this.froms[at] = from;
    this.tos[at] = to;
    this.ids[at] = id;
    this.length = at + 1;
  }
}

/** What the stages rewrite: a stage writes `spareText` or `spareSpans` and swaps it in. */
export class Draft {
  text = new Text();
  spareText = new Text();
  /** Whether a stage has rewritten the text since the caller last set this to false. */
  rewritten = false;
  spans = new Spans();
  spareSpans = new Spans();

  /** The empty text to write to. */
  blankText() {
    this.spareText.length = 0;
    return this.spareText;
  }
  blankSpans() {
    this.spareSpans.length = 0;
    return this.spareSpans;
  }
  swapText() {
    this.rewritten = true;
    [this.text, this.spareText] = [this.spareText, this.text];
  }
  swapSpans() {
    [this.spans, this.spareSpans] = [this.spareSpans, this.spans];
  }
}

export function grown(array: Int32Array, capacity: number) {
  const larger = new Int32Array(capacity);
  larger.set(array);
  return larger;
}
