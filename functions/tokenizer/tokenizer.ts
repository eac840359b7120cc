/**
 * The tokenizer seam: text in, vocabulary ids and exact offsets out, the same for training and serving.
 * Special tokens are not added here: a task places its sequences into the template itself (windows.ts).
 */

/** Tokens of one text. All arrays have one element a token. */
export interface Encoding {
  ids: Int32Array;
  /** First UTF-16 code unit of the token in the original text. */
  starts: Int32Array;
  /** One past its last UTF-16 code unit. */
  ends: Int32Array;
  /** Which word of the pre-tokenizer the token is of, ascending. */
  words: Int32Array;
}

/** One place of a template: a special token, or where sequence A or B goes. `typeId` is the token type (segment) id. */
export type TemplatePiece = { special: number; typeId: number } | { sequence: 'A' | 'B'; typeId: number };

export interface Tokenizer {
  encode(text: string): Encoding;
  /** Ids of special tokens by role; `unkId` is -1 where every text can be written without one. */
  readonly padId: number;
  readonly unkId: number;
  /** What pieces inside a word start with in the vocabulary, such as `##`; empty where they are not marked. */
  readonly continuingPrefix: string;
  /** The vocabulary's string for an id; empty where there is none. */
  piece(id: number): string;
  /** How one sequence, and a pair, are framed, e.g. [CLS] A [SEP] B [SEP]. */
  readonly single: readonly TemplatePiece[];
  readonly pair: readonly TemplatePiece[];
}
