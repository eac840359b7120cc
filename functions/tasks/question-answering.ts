/** Extractive question answering: the span of the context that answers, or none where the adapter learned to say so. */
import type { Encoding } from '../tokenizer/tokenizer.ts';
import { joinTurns, type Turn, type TurnPlace, turnsOfTokens } from './dialogue.ts';
import { logSumExp } from './probability.ts';
import type { Task, TaskContext } from './task.ts';
import { type Window, windowsOf } from './windows.ts';

export interface QuestionInput {
  question: string;
  /** A text, or the turns of a conversation. */
  context: string | readonly Turn[];
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
  /** UTF-16 offsets into the context or, of a conversation, into the text of its turn. */
  start: number;
  end: number;
  /** Of a conversation: index of the turn that answers. */
  turn?: number;
}

export interface EncodedQuestion {
  windows: Window[];
  /** Turns are joined. */
  context: string;
  encoding: Encoding;
  turns?: {
    places: readonly TurnPlace[];
    /** By token; -1 in a speaker mark. */
    ofTokens: Int32Array;
  };
}

function encode({ question, context: given }: QuestionInput, taskContext: TaskContext): EncodedQuestion {
  const { tokenizer } = taskContext;
  const joined = typeof given === 'string' ? undefined : joinTurns(given);
  const context = joined?.context ?? (given as string);
  const encoding = tokenizer.encode(context);
  const windows = windowsOf(
    tokenizer,
    { a: tokenizer.encode(question), b: encoding, slide: 'B' },
    taskContext,
  );
  if (!joined) return { windows, context, encoding };
  const { places } = joined;
  return {
    windows,
    context,
    encoding,
    turns: { places, ofTokens: turnsOfTokens(encoding, context, places) },
  };
}

/** An answer at these offsets of the context; of a conversation, at those inside its turn. */
export function placedAnswer(
  { context, turns }: EncodedQuestion,
  { score, start, end, token }: { score: number; start: number; end: number; token: number },
): Answer {
  const answer = context.slice(start, end);
  const turn = turns?.ofTokens[token];
  if (!turns || turn === undefined) return { answer, score, start, end };
  const from = turns.places[turn]!.start;
  // A first token may begin with the space that is of the speaker mark.
  const begin = Math.max(start, from);
  return { answer: context.slice(begin, end), score, start: begin - from, end: end - from, turn };
}

interface Span {
  first: number;
  last: number;
  score: number;
}

function decode(
  encoded: EncodedQuestion,
  logits: readonly Float32Array[],
  _context: TaskContext,
  options: QuestionOptions,
): Answer[] {
  const { windows, context, encoding, turns } = encoded;
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
    for (const { first: s, last: e, score } of bestSpans(starts, ends, {
      ...options,
      turns: turns?.ofTokens.subarray(first, first + count),
    }))
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
    answers.push(placedAnswer(encoded, { score: Math.exp(score - total), start, end, token: first }));
  }
  return answers;
}

/** The best `topK` of all spans of a window, best first. @param turns By token: a span is of one turn, and of none at -1. */
export function bestSpans(
  starts: Float64Array,
  ends: Float64Array,
  {
    topK,
    maxAnswerTokens,
    turns,
  }: Pick<QuestionOptions, 'topK' | 'maxAnswerTokens'> & { turns?: Int32Array | undefined },
): Span[] {
  const found: Span[] = [];
  for (let first = 0; first < starts.length; first++)
    for (let last = first; last < Math.min(ends.length, first + maxAnswerTokens); last++) {
      if (turns && (turns[first]! < 0 || turns[last] !== turns[first])) break;
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
