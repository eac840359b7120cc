/** What the readers make of a file: examples of one task, each with where it came from. Knows nothing of models. */

/** `file:line` of the record's first line, or `file:<JSON path>` in a JSON document; for messages. */
export type Where = string;

export interface ClassificationExample {
  text: string;
  /** Second sentence of a sentence-pair task. */
  pair?: string;
  label: string;
  where: Where;
}

export interface LabelingExample {
  words: string[];
  /** One IOB2 tag a word (`O`, `B-<type>`, `I-<type>`). */
  tags: string[];
  where: Where;
}

export interface QuestionExample {
  id: string;
  question: string;
  context: string;
  /** Accepted answers; `start` is a UTF-16 offset into `context`. Empty: the passage does not answer it. */
  answers: { text: string; start: number }[];
  where: Where;
}

/** What a reader left out, counted by reason, with a few places. */
export interface Skipped {
  reason: string;
  count: number;
  where: Where[];
}

export interface Split<Example> {
  examples: Example[];
  skipped: Skipped[];
  /** What the reader decided for itself (columns guessed, tag scheme converted), one sentence each, for the log. */
  notes?: string[];
  /** SHA-256 of the file's bytes. */
  digest: string;
}

export interface Dataset<Example> {
  train: Split<Example>;
  dev?: Split<Example>;
  test?: Split<Example>;
}
