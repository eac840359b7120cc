/** Tokens as they are found, and the one change a post-processor makes to their offsets (RobertaProcessing's trim). */
import { grown, type Text } from './draft.ts';
import type { Encoding } from './tokenizer.ts';

/** Leave white space at a token's edges out of its offsets. `keepFirst`: but one space before the first token. */
export interface Trim {
  keepFirst: boolean;
  isWhitespace(point: number): boolean;
}

export class Tokens {
  length = 0;
  private source = '';
  private ids = new Int32Array(256);
  private starts = new Int32Array(256);
  private ends = new Int32Array(256);
  private words = new Int32Array(256);
  private word = -1;
  private readonly trim: Trim | undefined;

  constructor(trim: Trim | undefined) {
    this.trim = trim;
  }

  /** Begins the tokens of another text. */
  reset(source: string) {
    this.source = source;
    this.length = 0;
    this.word = -1;
  }

  /** What is pushed from here on is of another word. */
  nextWord() {
    this.word++;
  }

  /** The token that `text` is from `from` to `to`, which is not empty. */
  push(id: number, text: Text, from: number, to: number) {
    this.pushWhole(id, text.starts[from]!, text.ends[to - 1]!);
    if (this.trim) this.trimLast(this.trim, text, from, to);
  }

  /** A token whose own text is not what the original says, such as [UNK]. */
  pushWhole(id: number, start: number, end: number) {
    const at = this.length;
    if (at === this.ids.length) {
      this.ids = grown(this.ids, 2 * at);
      this.starts = grown(this.starts, 2 * at);
      this.ends = grown(this.ends, 2 * at);
      this.words = grown(this.words, 2 * at);
    }
    this.ids[at] = id;
    this.starts[at] = start;
    this.ends[at] = end;
    this.words[at] = this.word;
    this.length = at + 1;
  }

  encoding(): Encoding {
    return {
      ids: this.ids.slice(0, this.length),
      starts: this.starts.slice(0, this.length),
      ends: this.ends.slice(0, this.length),
      words: this.words.slice(0, this.length),
    };
  }

  private trimLast(trim: Trim, text: Text, from: number, to: number) {
    const at = this.length - 1;
    let leading = 0;
    while (from + leading < to && trim.isWhitespace(text.points[from + leading]!)) leading++;
    let trailing = 0;
    while (to - trailing > from && trim.isWhitespace(text.points[to - trailing - 1]!)) trailing++;
    let start = this.starts[at]!;
    let end = this.ends[at]!;
    if (leading === 1 && trim.keepFirst && (at === 0 || start === 0)) leading = 0;
    for (; leading > 0 && start < end; leading--) start += this.source.codePointAt(start)! > 0xffff ? 2 : 1;
    for (; trailing > 0 && end > start; trailing--) end -= isLowSurrogate(this.source, end - 1) ? 2 : 1;
    this.starts[at] = start;
    this.ends[at] = end;
  }
}

function isLowSurrogate(source: string, at: number) {
  const unit = source.charCodeAt(at);
  return unit >= 0xdc00 && unit < 0xe000 && source.codePointAt(at - 1)! > 0xffff;
}
