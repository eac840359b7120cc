/**
 * Question answering as transformers' QuestionAnsweringPipeline answers it (4.57, pipelines/question_answering.py): each
 * window by its own softmax over [CLS] and its part of the context, equal answers added up.
 */
import type { Encoding } from '../tokenizer/tokenizer.ts';
import { logSumExp } from './probability.ts';
import {
  type Answer,
  bestSpans,
  type EncodedQuestion,
  placedAnswer,
  type QuestionInput,
  type QuestionOptions,
  questionAnswering,
} from './question-answering.ts';
import type { Task, TaskContext } from './task.ts';
import type { Window } from './windows.ts';

export interface PipelineAnswersOptions extends QuestionOptions {
  /** Widens an answer to whole words of the pre-tokenizer, as far as the window has them. */
  alignToWords: boolean;
}

function decode(
  encoded: EncodedQuestion,
  logits: readonly Float32Array[],
  _context: TaskContext,
  { topK, maxAnswerTokens, allowNone, alignToWords }: PipelineAnswersOptions,
): Answer[] {
  const { windows, encoding, turns } = encoded;
  const answers = new Map<string, Answer>();
  let none = Number.POSITIVE_INFINITY;
  windows.forEach((window, index) => {
    const [starts, ends] = [
      probabilities(window, logits[index]!, 0),
      probabilities(window, logits[index]!, 1),
    ];
    none = Math.min(none, Math.exp(starts.none + ends.none));
    // More than asked for: several spans may be the same words.
    const spans = alignToWords ? 2 * topK + 10 : topK;
    for (const span of bestSpans(starts.tokens, ends.tokens, {
      ...{ topK: spans, maxAnswerTokens },
      turns: turns?.ofTokens.subarray(window.first, window.first + window.count),
    })) {
      const place = placeOf(window, span, {
        words: alignToWords ? encoding.words : undefined,
        turns: turns?.ofTokens,
      });
      const [start, end] = [encoding.starts[place.first]!, encoding.ends[place.last]!];
      const answer = placedAnswer(encoded, { score: Math.exp(span.score), start, end, token: place.first });
      const key = answer.answer.toLowerCase();
      const known = answers.get(key);
      if (known) known.score += answer.score;
      else answers.set(key, answer);
    }
  });
  const all = [...answers.values()];
  if (allowNone) all.push({ answer: '', score: none, start: 0, end: 0 });
  return all.sort((a, b) => b.score - a.score).slice(0, topK);
}

/** Logarithms of what a window's softmax gives its tokens and "no answer", which is [CLS]'s. */
function probabilities({ position, count }: Window, row: Float32Array, column: 0 | 1) {
  const logits = Float64Array.from({ length: count }, (_, i) => row[2 * (position + i) + column]!);
  const total = logSumExp([row[column]!, ...logits]);
  return { tokens: logits.map(logit => logit - total), none: row[column]! - total };
}

/** First and last token of the answer, among those of the context. */
function placeOf(
  { first, count }: Window,
  span: { first: number; last: number },
  { words, turns }: { words: Encoding['words'] | undefined; turns: Int32Array | undefined },
): { first: number; last: number } {
  const place = { first: first + span.first, last: first + span.last };
  if (!words) return place;
  const joins = (one: number, other: number) =>
    words[one] === words[other] && (!turns || turns[one] === turns[other]);
  while (place.first > first && joins(place.first - 1, place.first)) place.first--;
  while (place.last + 1 < first + count && joins(place.last + 1, place.last)) place.last++;
  return place;
}

export const pipelineAnswers = {
  name: 'question-answering',
  encode: questionAnswering.encode,
  decode,
} satisfies Task<QuestionInput, Answer[], EncodedQuestion, PipelineAnswersOptions>;
