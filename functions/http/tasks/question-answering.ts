/** Extractive question answering over HTTP. */
import { z } from '@hono/zod-openapi';
import { mostTokens } from '../../artifacts/virtual-tokens.ts';
import { VeneerError } from '../../error.ts';
import { joinTurns, type Turn } from '../../tasks/dialogue.ts';
import { pipelineAnswers } from '../../tasks/pipeline-answers.ts';
import { type Answer, type QuestionInput, questionAnswering } from '../../tasks/question-answering.ts';
import { type OffsetEncoding, offsetsIn } from '../offsets.ts';
import type { Limits } from '../services.ts';
import { taskForm } from './form.ts';
import { parameter } from './parameters.ts';
import { pipeline } from './pipeline.ts';

const AnswerShown = z.object({
  answer: z.string().openapi({ description: 'Empty: the context does not answer the question.' }),
  score: z.number(),
  start: z.int(),
  end: z.int().openapi({ description: 'One past its last character.' }),
  turn: z.int().optional().openapi({
    description: 'Where the context is turns: which one answers, from 0; start and end are inside its text.',
  }),
});

const Output = z.object({ answers: z.array(AnswerShown).openapi({ description: 'Best first.' }) });

function shown(answers: readonly Answer[], context: QuestionInput['context'], encoding: OffsetEncoding) {
  const whole = typeof context === 'string' ? offsetsIn(context, encoding) : undefined;
  return answers.map(({ answer, score, start, end, turn }) => {
    // Turns, and no answer: both offsets are 0.
    const text = turn === undefined ? '' : (context[turn] as Turn).text;
    const offset = whole ?? offsetsIn(text, encoding);
    const place = { start: offset(start), end: offset(end) };
    return { answer, score, ...place, ...(turn === undefined ? {} : { turn }) };
  });
}

const maxTurns = 1000;
const none = { answer: '', score: 0, start: 0, end: 0 };
/** What transformers takes where only `max_seq_len` is given: half of it, at most this. */
const largestStride = 128;

const questionPipeline = pipeline({
  task: pipelineAnswers,
  component: 'QuestionAnsweringPipelineParameters',
  parameters: {
    top_k: parameter.top_k.nullish().openapi({
      description: 'Answers at most. Left out: 1. One answer is an object, several are a list.',
    }),
    max_answer_len: parameter.max_answer_tokens.nullish().openapi({
      description: 'Tokens of an answer at most. Left out: 15.',
    }),
    handle_impossible_answer: z.boolean().nullish().openapi({
      description: 'Whether "none" may be the answer. Left out: whether the adapter was trained for it.',
    }),
    align_to_words: z.boolean().nullish().openapi({
      description: 'Whether answers are widened to whole words. Left out: true.',
    }),
    max_seq_len: z.int().min(8).max(8192).nullish().openapi({
      description: "Tokens of a window at most. Left out: the adapter's.",
    }),
    doc_stride: z.int().min(0).max(8192).nullish().openapi({
      description:
        "Tokens that neighbouring windows share. Left out: the adapter's, or half of max_seq_len and at most 128.",
    }),
    max_question_len: z.int().min(1).max(8192).nullish().openapi({
      description: 'Tokens of the question at most: what is over is cut off. Left out: nothing is cut off.',
    }),
  },
  options: ({ top_k, max_answer_len, handle_impossible_answer, align_to_words }, { unanswerable }) => ({
    topK: top_k ?? 1,
    maxAnswerTokens: max_answer_len ?? 15,
    allowNone: handle_impossible_answer ?? unanswerable,
    alignToWords: align_to_words ?? true,
  }),
  windows({ max_seq_len, doc_stride, max_question_len }, { base, adapter }) {
    const most = mostTokens(base.manifest.config, adapter.manifest);
    if (max_seq_len != null && max_seq_len > most)
      throw new VeneerError(
        'invalid_request',
        `parameters.max_seq_len: ${max_seq_len} is more than the ${most} tokens that the adapter reads at once`,
      );
    return {
      ...(max_seq_len == null
        ? { stride: doc_stride ?? adapter.manifest.stride }
        : {
            maxLength: max_seq_len,
            stride: doc_stride ?? Math.min(Math.floor(max_seq_len / 2), largestStride),
          }),
      maxWhole: max_question_len ?? undefined,
    };
  },
  show(answers, { context }: QuestionInput) {
    const each = shown(answers, context, 'code_points');
    return each.length > 1 ? each : (each[0] ?? none);
  },
  nested: false,
});

export function questionAnsweringForm(limits: Limits) {
  const text = z.string().max(limits.maxTextLength);
  const turns = z
    .array(z.strictObject({ speaker: z.string().min(1).max(100), text }))
    .min(1)
    .max(maxTurns)
    .refine(given => joinTurns(given).context.length <= limits.maxTextLength, {
      error: `too long: over ${limits.maxTextLength} characters with the speakers' marks`,
    })
    .openapi({ description: 'A conversation, in its order. An answer is inside one turn.' });
  const context = z.union([text, turns], { error: 'expected a text, or an array of {speaker, text}' });
  return taskForm({
    task: questionAnswering,
    component: 'QuestionAnswering',
    limits,
    input: z.strictObject({ question: text, context }),
    expected: '{question, context}',
    parameters: z.strictObject({
      top_k: parameter.top_k.optional().openapi({ description: 'Answers at most. Left out: 1.' }),
      max_answer_tokens: parameter.max_answer_tokens
        .optional()
        .openapi({ description: 'Tokens of an answer at most. Left out: 30.' }),
      no_answer: parameter.no_answer,
      offset_encoding: parameter.offset_encoding,
    }),
    output: Output,
    options: ({ top_k = 1, max_answer_tokens = 30, no_answer }, { unanswerable }) => ({
      topK: top_k,
      maxAnswerTokens: max_answer_tokens,
      allowNone: no_answer ?? unanswerable,
    }),
    show: (answers, { context }, { offset_encoding = 'code_points' }) => ({
      answers: shown(answers, context, offset_encoding),
    }),
    pipeline: questionPipeline,
  });
}
