/**
 * What a kind of model, normalizer or pre-tokenizer is: one object that compiles its part of tokenizer.json into
 * sections and opens them again. A new kind is one file of this shape and one line in stages.ts.
 */
import type { Draft, Text } from './draft.ts';
import type { SectionReader, SectionWriter } from './format.ts';
import type { Tokens } from './tokens.ts';

export interface StageType<Stage> {
  /**
   * @param spec the object in tokenizer.json
   * @returns what `open` is given as `config`: a JSON object
   * @throws VeneerError `invalid_artifact` for whatever `open` would not do as the Rust library does
   */
  compile(spec: unknown, write: SectionWriter): object;
  open(config: never, section: SectionReader): Stage;
}

/** A normalizer changes `draft.text`, which is one span; a pre-tokenizer `draft.spans`, and the text where it must. */
export type Rewrite = (draft: Draft) => void;

export interface Model {
  /** -1 where there is none. */
  readonly unkId: number;
  /** See Tokenizer. */
  readonly continuingPrefix: string;
  piece(id: number): string;
  /** Pushes the tokens of one word, `text` from `from` to `to`, which is not empty. */
  tokenize(text: Text, from: number, to: number, tokens: Tokens): void;
}

export interface ModelType extends StageType<Model> {
  /** Id of every piece, and how many pieces there are (equal ones counted). */
  vocabulary(spec: unknown): { ids: ReadonlyMap<string, number>; size: number };
  /** The type of pre-tokenizer that must be the last, where only its text can be read. */
  lastPreTokenizer?(spec: unknown): string | undefined;
}
