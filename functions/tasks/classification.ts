/** Text classification, of one text or a pair: one label of several, any number of labels, or a number (regression). */
import type { AdapterManifest, Problem } from '../artifacts/manifests.ts';
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

const usual: Record<Problem, ScoreFunction> = {
  'single-label': 'softmax',
  'multi-label': 'sigmoid',
  regression: 'none',
};

export interface ClassificationOptions {
  problem: Problem;
  /** Multi-label: the score from which a label counts as given. */
  threshold: number;
  /** Left out: softmax, or sigmoid (multi-label), or none (regression). */
  scores?: ScoreFunction | undefined;
}

/** Every label with its score, the highest first. */
export type Ranked = { label: string; score: number }[];

export interface ClassificationOutput {
  ranked: Ranked;
  /** The labels given, highest score first: the best one; those from the threshold on; none in regression. */
  labels: string[];
}

/** As the adapter was trained, unless the caller wants another threshold. */
export function classificationOptions(
  { problem, threshold }: Pick<AdapterManifest, 'problem' | 'threshold'>,
  wanted: number | undefined = threshold,
): ClassificationOptions {
  return { problem, threshold: wanted ?? 0.5 };
}

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
  { problem, threshold, scores: wanted = usual[problem] }: ClassificationOptions,
): ClassificationOutput {
  const total = windows.reduce((sum, { count }) => sum + Math.max(1, count), 0);
  const scores = new Float64Array(labels.length);
  windows.forEach(({ count }, index) => {
    const weight = Math.max(1, count) / total;
    scoreFunctions[wanted](logits[index]!.subarray(0, labels.length)).forEach((score, label) => {
      scores[label]! += weight * score;
    });
  });
  const ranked = labels.map((label, i) => ({ label, score: scores[i]! })).sort((x, y) => y.score - x.score);
  const given = {
    'single-label': ranked.slice(0, 1),
    'multi-label': ranked.filter(({ score }) => score >= threshold),
    regression: [],
  }[problem];
  return { ranked, labels: given.map(({ label }) => label) };
}

export const classification = { name: 'classification', encode, decode } satisfies Task<
  ClassificationInput,
  ClassificationOutput,
  { windows: Window[] },
  ClassificationOptions
>;
