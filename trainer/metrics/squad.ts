/**
 * Exact match and F1 of question answering as the SQuAD v2.0 script computes them (the same as v1.1's for any answer with
 * a letter or digit in it besides articles). In percent, 0 to 100, as that script and published figures have it. Words are what
 * whitespace separates, for every language: on Chinese and Japanese F1 is near exact match.
 */
import type { Metrics } from '../../functions/artifacts/manifests.ts';

export interface AnsweredQuestion {
  /** Texts of the accepted answers; empty where the passage does not answer the question. */
  gold: readonly string[];
  /** The predicted answer; empty for "not answered". */
  predicted: string;
}

/** `exact_match`, `f1`, and both by kind of question (`_has_answer`, `_no_answer`) for the kinds that occur. */
export function scoreQuestions(questions: readonly AnsweredQuestion[]): Metrics {
  const scores = questions.map(question => ({
    ...scoreQuestion(question),
    answerable: question.gold.length > 0,
  }));
  return {
    ...average(scores, ''),
    ...average(
      scores.filter(score => score.answerable),
      '_has_answer',
    ),
    ...average(
      scores.filter(score => !score.answerable),
      '_no_answer',
    ),
  };
}

/** Best over the accepted answers, as fractions, 0 to 1. */
export function scoreQuestion({ gold, predicted }: AnsweredQuestion): { exactMatch: number; f1: number } {
  const accepted = gold.map(normalizeAnswer).filter(answer => answer !== '');
  const answers = accepted.length > 0 ? accepted : [''];
  const guess = normalizeAnswer(predicted);
  return {
    exactMatch: answers.includes(guess) ? 1 : 0,
    f1: Math.max(...answers.map(answer => overlap(answer, guess))),
  };
}

// Python's string.punctuation, its \w around the articles (letters and numbers of any script), and its str.split().
const punctuation = /[!-/:-@[-`{-~]/g;
const articles = /(?<![\p{L}\p{N}_])(?:a|an|the)(?![\p{L}\p{N}_])/gu;
// biome-ignore lint/suspicious/noControlCharactersInRegex: Python splits at the information separators too
const whitespace = /[\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000]+/;

/** Lower case, without ASCII punctuation, English articles and surplus whitespace. */
export function normalizeAnswer(text: string): string {
  return wordsOf(text.toLowerCase().replace(punctuation, '').replace(articles, ' ')).join(' ');
}

function wordsOf(text: string): string[] {
  return text.split(whitespace).filter(word => word !== '');
}

/** F1 over the words of two normalized answers, repeated words counted. */
function overlap(gold: string, predicted: string): number {
  const goldWords = wordsOf(gold);
  const predictedWords = wordsOf(predicted);
  if (goldWords.length === 0 || predictedWords.length === 0) return gold === predicted ? 1 : 0;
  const left = new Map<string, number>();
  for (const word of goldWords) left.set(word, (left.get(word) ?? 0) + 1);
  let same = 0;
  for (const word of predictedWords) {
    const count = left.get(word) ?? 0;
    if (count === 0) continue;
    left.set(word, count - 1);
    same++;
  }
  return (2 * same) / (goldWords.length + predictedWords.length);
}

function average(scores: { exactMatch: number; f1: number }[], suffix: string): Metrics {
  if (scores.length === 0) return {};
  const mean = (of: 'exactMatch' | 'f1') =>
    (100 * scores.reduce((sum, score) => sum + score[of], 0)) / scores.length;
  return { [`exact_match${suffix}`]: mean('exactMatch'), [`f1${suffix}`]: mean('f1') };
}
