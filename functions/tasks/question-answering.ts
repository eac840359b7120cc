/** Extractive question answering: the span of the context that answers, or none where the adapter learned to say so. */
import type { Encoding } from '../tokenizer/tokenizer.ts';
import { logSumExp } from './probability.ts';
import type { Task, TaskContext } from './task.ts';
import { type Window, windowsOf } from './windows.ts';

export interface QuestionInput {
  question: string;
  context: string;
}

export interface QuestionOptions {
  /** Answers at most, best first. */
  topK: number;
  /** Tokens of an answer at most. */
  maxAnswerTokens: number;
  /** Whether "no answer" may be given. */
  allowNone: boolean;
}

/** An empty answer (start = end = 0) says that the context has none. */
export interface Answer {
  answer: string;
  /** Probability of the span: softmax over all start and all end places of all windows. */
  score: number;
  /** UTF-16 offsets into the context. */
  start: number;
  end: number;
}

export interface EncodedQuestion {
  windows: Window[];
  context: string;
  encoding: Encoding;
}

function encode({ question, context }: QuestionInput, taskContext: TaskContext): EncodedQuestion {
  const { tokenizer } = taskContext;
  const encoding = tokenizer.encode(context);
  const windows = windowsOf(
    tokenizer,
    { a: tokenizer.encode(question), b: encoding, slide: 'B' },
    taskContext,
  );
  return { windows, context, encoding };
}

interface Span {
  first: number;
  last: number;
  score: number;
}

function decode(
  { windows, context, encoding }: EncodedQuestion,
  logits: readonly Float32Array[],
  _context: TaskContext,
  options: QuestionOptions,
): Answer[] {
  const spans: Span[] = [];
  const places: [number[], number[]] = [[], []];
  let none = Number.POSITIVE_INFINITY;
  windows.forEach(({ position, first, count }, index) => {
    const row = logits[index]!;
    const column = (which: 0 | 1) =>
      Float64Array.from({ length: count }, (_, i) => row[2 * (position + i) + which]!);
    const [starts, ends] = [column(0), column(1)];
    places[0].push(...starts);
    places[1].push(...ends);
    // [CLS] carries the score of "no answer"; the passage has none only if no window has one.
    none = Math.min(none, row[0]! + row[1]!);
    for (const { first: s, last: e, score } of bestSpans(starts, ends, options))
      spans.push({ first: first + s, last: first + e, score });
  });
  if (options.allowNone) {
    places[0].push(none / 2);
    places[1].push(none / 2);
    spans.push({ first: -1, last: -1, score: none });
  }
  const total = logSumExp(places[0]) + logSumExp(places[1]);
  const answers: Answer[] = [];
  const seen = new Set<string>();
  for (const { first, last, score } of spans.sort((x, y) => y.score - x.score)) {
    if (answers.length === options.topK) break;
    let start = first < 0 ? 0 : encoding.starts[first]!;
    const end = first < 0 ? 0 : encoding.ends[last]!;
    // The first token may begin with the space before its word, or be nothing else.
    while (start < end && /\s/.test(context[start]!)) start++;
    // The same span may be found in two windows.
    if (seen.has(`${start}:${end}`)) continue;
    seen.add(`${start}:${end}`);
    answers.push({ answer: context.slice(start, end), score: Math.exp(score - total), start, end });
  }
  return answers;
}

/** The best `topK` of all spans of a window, best first. */
export function bestSpans(
  starts: Float64Array,
  ends: Float64Array,
  { topK, maxAnswerTokens }: Pick<QuestionOptions, 'topK' | 'maxAnswerTokens'>,
): Span[] {
  const found: Span[] = [];
  for (let first = 0; first < starts.length; first++)
    for (let last = first; last < Math.min(ends.length, first + maxAnswerTokens); last++) {
      const score = starts[first]! + ends[last]!;
      if (found.length === topK && score <= found.at(-1)!.score) continue;
      const at = found.findIndex(span => span.score < score);
      found.splice(at < 0 ? found.length : at, 0, { first, last, score });
      if (found.length > topK) found.pop();
    }
  return found;
}

export const questionAnswering = { name: 'question-answering', encode, decode } satisfies Task<
  QuestionInput,
  Answer[],
  EncodedQuestion,
  QuestionOptions
>;
