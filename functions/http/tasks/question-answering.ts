/** Extractive question answering over HTTP. */
import { z } from '@hono/zod-openapi';
import { questionAnswering } from '../../tasks/question-answering.ts';
import { offsetsIn } from '../offsets.ts';
import type { Limits } from '../services.ts';
import { type TaskForm, taskForm } from './form.ts';
import { parameter } from './parameters.ts';

const Answer = z.object({
  answer: z.string().openapi({ description: 'Empty: the context does not answer the question.' }),
  score: z.number(),
  start: z.int(),
  end: z.int().openapi({ description: 'One past its last character.' }),
});

const Output = z.object({ answers: z.array(Answer).openapi({ description: 'Best first.' }) });

const none = { answer: '', score: 0, start: 0, end: 0 };

export function questionAnsweringForm(limits: Limits): TaskForm {
  const text = z.string().max(limits.maxTextLength);
  return taskForm({
    task: questionAnswering,
    component: 'QuestionAnswering',
    limits,
    input: z.strictObject({ question: text, context: text }),
    expected: '{question, context}',
    parameters: z.strictObject({
      top_k: parameter.top_k.openapi({ description: 'Answers at most. Left out: 1.' }),
      max_answer_tokens: parameter.max_answer_tokens,
      no_answer: parameter.no_answer,
      offset_encoding: parameter.offset_encoding,
    }),
    output: Output,
    options: ({ top_k = 1, max_answer_tokens = 30, no_answer }, { unanswerable }) => ({
      topK: top_k,
      maxAnswerTokens: max_answer_tokens,
      allowNone: no_answer ?? unanswerable,
    }),
    show(answers, { context }, { offset_encoding = 'code_points' }) {
      const offset = offsetsIn(context, offset_encoding);
      return {
        answers: answers.map(({ answer, score, start, end }) => ({
          answer,
          score,
          start: offset(start),
          end: offset(end),
        })),
      };
    },
    huggingFace(shown, { many, parameters: { top_k = 1 } }) {
      const each = shown.map(({ answers }) => (top_k > 1 ? answers : (answers[0] ?? none)));
      return many ? each : each[0];
    },
  });
}
