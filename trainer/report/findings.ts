/** What a report says about answers, the same for every task; each task's own file makes it out of examples and outputs. */
import type { ClassificationExample } from '../data/dataset.ts';
import type { Score } from '../metrics/score.ts';
import type { Judged } from './calibration.ts';
import type { Pair } from './confusion.ts';
import type { Mark } from './passage.ts';

export interface Findings {
  /** Absent where the task decides between no labels; the note says how pairs were made, where that is not plain. */
  confusion?: { note: string; pairs: Pair[] };
  /** About: `label` or `entity type`. */
  scores?: { about: string; perLabel: Readonly<Record<string, Score>> };
  /** Of numbers. */
  fit?: { expected: number; predicted: number }[];
  /** Everything that was answered with a confidence. */
  judged: { about: string; answers: Judged[] };
  /** The worst first, at most `worstShown`. */
  mistakes: Mistake[];
  /** Of all examples. */
  mistaken: number;
  /** What highlighting means in the mistakes, by kind of mark. */
  legend: Partial<Record<Mark['kind'], string>>;
}

export interface Mistake {
  /** Where the example stands: `test.csv:12`. */
  where: string;
  /** Sorts: the higher, the worse. */
  badness: number;
  facts: { name: string; value: string; confidence?: number }[];
  passages: { title?: string; text: string; marks: Mark[] }[];
}

const worstShown = 50;

/** @param marks in the first text. */
export function passagesOf({ text, pair }: ClassificationExample, marks: Mark[] = []): Mistake['passages'] {
  return [{ text, marks }, ...(pair === undefined ? [] : [{ title: 'Second text', text: pair, marks: [] }])];
}

/** The worst ones, in order; of equals the earlier. */
export function worstOf<T extends { badness: number }>(mistakes: readonly T[]): T[] {
  return mistakes.toSorted((a, b) => b.badness - a.badness).slice(0, worstShown);
}
