/** Text classification, of one text or a pair. */

import { sigmoid, softmax } from './probability.ts';
import type { Task, TaskContext } from './task.ts';
import { type Window, windowsOf } from './windows.ts';

export interface ClassificationInput {
  text: string;
  pair?: string;
}

/** What makes scores of logits; `none` leaves them as they are. */
export const scoreFunctions = {
  softmax,
  sigmoid,
  none: (logits: ArrayLike<number>) => Float64Array.from(logits),
} as const;
export type ScoreFunction = keyof typeof scoreFunctions;

export interface ClassificationOptions {
  /** Left out: softmax. */
  scores?: ScoreFunction | undefined;
}

/** Every label with its score, the highest first. */
export type ClassificationOutput = { label: string; score: number }[];

function encode({ text, pair }: ClassificationInput, context: TaskContext): { windows: Window[] } {
  const a = context.tokenizer.encode(text);
  if (pair === undefined) return { windows: windowsOf(context.tokenizer, { a, slide: 'A' }, context) };
  const b = context.tokenizer.encode(pair);
  const slide = a.ids.length > b.ids.length ? 'A' : 'B';
  return { windows: windowsOf(context.tokenizer, { a, b, slide }, context) };
}

/** Scores are averaged over windows, weighted by the tokens each one holds. */
function decode(
  { windows }: { windows: Window[] },
  logits: readonly Float32Array[],
  { labels }: TaskContext,
  { scores: wanted = 'softmax' }: ClassificationOptions = {},
): ClassificationOutput {
  const total = windows.reduce((sum, { count }) => sum + Math.max(1, count), 0);
  const scores = new Float64Array(labels.length);
  windows.forEach(({ count }, index) => {
    const weight = Math.max(1, count) / total;
    scoreFunctions[wanted](logits[index]!.subarray(0, labels.length)).forEach((score, label) => {
      scores[label]! += weight * score;
    });
  });
  return labels.map((label, i) => ({ label, score: scores[i]! })).sort((x, y) => y.score - x.score);
}

export const classification = { name: 'classification', encode, decode } satisfies Task<
  ClassificationInput,
  ClassificationOutput,
  { windows: Window[] },
  ClassificationOptions
>;
