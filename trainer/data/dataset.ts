/** What the readers make of a file: examples of one task, each with where it came from. Knows nothing of models. */
import type { Problem } from '../../functions/artifacts/manifests.ts';
import type { Turn } from '../../functions/tasks/dialogue.ts';

/** `file:line` of the record's first line, or `file:<JSON path>` in a JSON document; for messages. */
export type Where = string;

export interface ClassificationExample {
  text: string;
  /** Second sentence of a sentence-pair task. */
  pair?: string;
  /** One in single-label, any number in multi-label, `LABEL_0` in regression. */
  labels: string[];
  /** Regression: what is predicted. */
  value?: number;
  where: Where;
}

export interface LabelingExample {
  words: string[];
  /** One IOB2 tag a word (`O`, `B-<type>`, `I-<type>`). */
  tags: string[];
  where: Where;
  /** The words are a list in one record; left out: they stand on lines of their own from `where` on. */
  inRecord?: true;
}

export interface QuestionExample {
  id: string;
  question: string;
  /** Turns are joined. */
  context: string;
  /** Of a conversation. */
  turns?: Turn[];
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
  /** Of classification. */
  problem?: Problem;
}

/** Where a word of a sentence is. */
export function wordPlace({ where, inRecord }: Pick<LabelingExample, 'where' | 'inRecord'>, word: number) {
  if (inRecord) return `${where}, word ${word + 1}`;
  return where.replace(/\d+$/, line => String(Number(line) + word));
}
