/** Training of extractive question answering: start and end of the answer; [CLS] for both where a window has none. */
import { mainMetrics } from '../../functions/gates.ts';
import {
  type Answer,
  type EncodedQuestion,
  type QuestionInput,
  type QuestionOptions,
  questionAnswering as serving,
} from '../../functions/tasks/question-answering.ts';
import type { QuestionExample } from '../data/dataset.ts';
import { readQuestions, readQuestionsSplit } from '../data/squad.ts';
import { scoreQuestions } from '../metrics/squad.ts';
import type { TrainingTask } from './training-task.ts';

export const questionAnswering: TrainingTask<
  QuestionExample,
  QuestionInput,
  Answer[],
  EncodedQuestion,
  QuestionOptions
> = {
  serving,
  mainMetric: mainMetrics['question-answering'],
  defaults: { maxLength: 256, stride: 64 },
  head: () => ({ kind: 'token' }),
  read: path => readQuestions(path),
  readSplit: path => readQuestionsSplit(path),
  known: () => ({ labels: ['start', 'end'] }),
  checkKnown: () => {},
  input: ({ question, context, turns }) => ({ question, context: turns ?? context }),
  options: ({ unanswerable }) => ({ topK: 1, maxAnswerTokens: 30, allowNone: unanswerable }),
  targets: ({ answers: [answer] }, { windows, encoding: { starts, ends } }) => {
    const begin = answer ? answer.start : -1;
    const finish = answer ? answer.start + answer.text.length : -1;
    const firstToken = ends.findIndex(end => end > begin);
    const lastToken = starts.findLastIndex(start => start < finish);
    return windows.map(({ position, first, count }) =>
      answer && firstToken >= first && lastToken < first + count && firstToken <= lastToken
        ? Int32Array.of(position + firstToken - first, position + lastToken - first)
        : Int32Array.of(0, 0),
    );
  },
  score: (examples, outputs) =>
    scoreQuestions(
      examples.map(({ answers }, i) => ({
        gold: answers.map(answer => answer.text),
        predicted: outputs[i]![0]?.answer ?? '',
      })),
    ),
  unanswerable: examples => examples.some(example => example.answers.length === 0),
};
