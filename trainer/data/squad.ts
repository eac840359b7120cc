/** Reads extractive question answering from SQuAD JSON, v1.1 and v2.0. */
import * as z from 'zod';
import { VeneerError } from '../../functions/error.ts';
import type { Dataset, QuestionExample, Skipped, Split } from './dataset.ts';
import { type Reader, readDataset, readEvaluationSplit, readText } from './files.ts';
import { parseJson } from './json.ts';

const Question = z.object({
  id: z.union([z.string(), z.number()]).transform(String),
  question: z.string(),
  answers: z.array(z.object({ text: z.string(), answer_start: z.number().int() })).optional(),
  is_impossible: z.boolean().optional(),
});
const Paragraph = z.object({ context: z.string(), qas: z.array(Question) });
const Document = z.object({ data: z.array(z.object({ paragraphs: z.array(Paragraph) })) });

export async function readQuestions(path: string): Promise<Dataset<QuestionExample>> {
  return readDataset(path, reader);
}

/** The split that `evaluate` scores. */
export async function readQuestionsSplit(path: string): Promise<Split<QuestionExample>> {
  return readEvaluationSplit(path, reader);
}

const reader: Reader<QuestionExample> = { extensions: ['json'], read: readFile };

async function readFile(file: string): Promise<Split<QuestionExample>> {
  const { text, digest } = await readText(file);
  const parsed = Document.safeParse(parseJson(text, file));
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new VeneerError(
      'invalid_data',
      `${file}:${jsonPath(issue.path)}: not of SQuAD's form: ${issue.message}`,
    );
  }
  const examples: QuestionExample[] = [];
  const misplaced: Skipped = {
    reason: 'the answer is not at its answer_start in the context',
    count: 0,
    where: [],
  };
  const empty: Skipped = { reason: 'the question or its context is empty', count: 0, where: [] };
  const dropped: Skipped = { reason: 'no answer of the question is where it says', count: 0, where: [] };
  for (const [article, { paragraphs }] of parsed.data.data.entries()) {
    for (const [paragraph, { context, qas }] of paragraphs.entries()) {
      const offset = offsetsIn(context);
      for (const [index, qa] of qas.entries()) {
        const where = `${file}:${jsonPath(['data', article, 'paragraphs', paragraph, 'qas', index])}`;
        if (qa.answers === undefined && qa.is_impossible !== true)
          throw new VeneerError(
            'invalid_data',
            `${where}.answers: not there: an unanswerable question has [] or is_impossible true`,
          );
        if (qa.question.trim() === '' || context.trim() === '') {
          count(empty, where);
          continue;
        }
        const stated = qa.is_impossible === true ? [] : (qa.answers ?? []);
        const answers = stated
          .map(({ text, answer_start }) => ({ text, start: offset(answer_start) }))
          .filter(({ text, start }) => text.trim() !== '' && start >= 0 && context.startsWith(text, start));
        for (let i = answers.length; i < stated.length; i++) count(misplaced, where);
        if (stated.length > 0 && answers.length === 0) count(dropped, where);
        else examples.push({ id: qa.id, question: qa.question, context, answers, where });
      }
    }
  }
  return { examples, skipped: [empty, misplaced, dropped].filter(({ count }) => count > 0), digest };
}

function count(skipped: Skipped, where: string) {
  skipped.count++;
  if (skipped.where.length < 5) skipped.where.push(where);
}

/** From code points, which SQuAD counts in, to UTF-16; -1 outside the text. Most texts have no astral characters: the same. */
function offsetsIn(text: string): (codePoint: number) => number {
  if (!/[\u{10000}-\u{10ffff}]/u.test(text)) return codePoint => (codePoint < text.length ? codePoint : -1);
  const starts: number[] = [];
  let at = 0;
  for (const char of text) {
    starts.push(at);
    at += char.length;
  }
  return codePoint => starts[codePoint] ?? -1;
}

/** `data[0].paragraphs[3].qas`; `$` for the document itself. */
function jsonPath(path: readonly PropertyKey[]): string {
  const text = path.map(step => (typeof step === 'number' ? `[${step}]` : `.${String(step)}`)).join('');
  return text === '' ? '$' : text.replace(/^\./, '');
}
