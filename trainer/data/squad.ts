/**
 * Reads extractive question answering: SQuAD JSON, v1.1 and v2.0, and flat records as Hugging Face's data sets have them (JSON,
 * JSON Lines, Parquet: context, question, answers {text, answer_start}). A context may be the turns of a conversation, [{speaker,
 * text}]: an answer then says its turn too, and answer_start is inside it.
 */
import { extname } from 'node:path';
import * as z from 'zod';
import { VeneerError } from '../../functions/error.ts';
import { joinTurns } from '../../functions/tasks/dialogue.ts';
import type { Dataset, QuestionExample, Skipped, Split } from './dataset.ts';
import { type Reader, readDataset, readEvaluationSplit, readText } from './files.ts';
import { parseJson } from './json.ts';
import { readTable } from './read-table.ts';
import { arrayTable, type Table } from './table.ts';

const Placed = z.object({
  text: z.string(),
  answer_start: z.number().int(),
  turn: z.number().int().optional(),
});
const Context = z.union([
  z.string(),
  z.array(z.object({ speaker: z.string().min(1), text: z.string() })).min(1),
]);
const Question = z.object({
  id: z.union([z.string(), z.number()]).transform(String),
  question: z.string(),
  answers: z.array(Placed).optional(),
  is_impossible: z.boolean().optional(),
});
/** Answers as columns, or one by one. */
const Answers = z.union([
  z
    .object({
      text: z.array(z.string()),
      answer_start: z.array(z.number().int()),
      turn: z.array(z.number().int()).optional(),
    })
    .refine(
      ({ text, answer_start, turn = text }) =>
        text.length === answer_start.length && text.length === turn.length,
      'text, answer_start and turn differ in length',
    )
    .transform(({ text, answer_start, turn }) =>
      text.map((each, i) => ({ text: each, answer_start: answer_start[i]!, turn: turn?.[i] })),
    ),
  Question.shape.answers.unwrap(),
]);
const FlatQuestion = Question.extend({ context: Context, answers: Answers.optional() }).transform(
  ({ context, ...qa }) => ({ context, qa }),
);
const Paragraph = z.object({ context: Context, qas: z.array(Question) });
const Document = z.object({ data: z.array(z.object({ paragraphs: z.array(Paragraph) })) });

export async function readQuestions(path: string): Promise<Dataset<QuestionExample>> {
  return readDataset(path, reader);
}

/** The split that `evaluate` scores. */
export async function readQuestionsSplit(path: string): Promise<Split<QuestionExample>> {
  return readEvaluationSplit(path, reader);
}

const reader: Reader<QuestionExample> = { extensions: ['json', 'jsonl', 'parquet'], read: readFile };

/** A question with the text it is asked of, not yet checked. */
interface Asked {
  context: z.infer<typeof Context>;
  qa: z.infer<typeof Question>;
  where: string;
}

async function readFile(file: string): Promise<Split<QuestionExample>> {
  if (extname(file).toLowerCase() !== '.json') {
    const table = await readTable(file);
    return { ...checked(flat(table)), digest: table.digest };
  }
  const { text, digest } = await readText(file);
  const document = parseJson(text, file);
  const asked = Array.isArray(document) ? flat(arrayTable(document, file)) : nested(document, file);
  return { ...checked(asked), digest };
}

function nested(document: unknown, file: string): Asked[] {
  const parsed = Document.safeParse(document);
  if (!parsed.success) {
    const issue = parsed.error.issues[0]!;
    throw new VeneerError(
      'invalid_data',
      `${file}:${jsonPath(issue.path)}: not of SQuAD's form: ${issue.message}`,
    );
  }
  return parsed.data.data.flatMap(({ paragraphs }, article) =>
    paragraphs.flatMap(({ context, qas }, paragraph) =>
      qas.map((qa, index) => ({
        context,
        qa,
        where: `${file}:${jsonPath(['data', article, 'paragraphs', paragraph, 'qas', index])}`,
      })),
    ),
  );
}

function flat({ names = [], rows }: Table): Asked[] {
  return rows.map(({ cells, where }) => {
    const fields = Object.fromEntries(names.map((name, i) => [name, cells[i] ?? undefined]));
    const parsed = FlatQuestion.safeParse({ ...fields, id: fields.id ?? where });
    if (parsed.success) return { ...parsed.data, where };
    const issue = parsed.error.issues[0]!;
    throw new VeneerError(
      'invalid_data',
      `${where}: ${jsonPath(issue.path)}: not a question as SQuAD's flat records have it: ${issue.message}`,
    );
  });
}

function checked(asked: readonly Asked[]): Pick<Split<QuestionExample>, 'examples' | 'skipped'> {
  const examples: QuestionExample[] = [];
  const misplaced: Skipped = {
    reason: 'the answer is not at its answer_start in the context',
    count: 0,
    where: [],
  };
  const empty: Skipped = { reason: 'the question or its context is empty', count: 0, where: [] };
  const dropped: Skipped = { reason: 'no answer of the question is where it says', count: 0, where: [] };
  const offsets = new Map<string, (codePoint: number) => number>();
  for (const { context: given, qa, where } of asked) {
    const turns = typeof given === 'string' ? undefined : given;
    const { context, places } = typeof given === 'string' ? { context: given } : joinTurns(given);
    const offset = offsets.get(context) ?? offsetsIn(context);
    offsets.set(context, offset);
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
    if (turns && stated.some(({ turn }) => turn === undefined))
      throw new VeneerError('invalid_data', `${where}.answers: turn is missing: the context is turns`);
    const answers = stated
      .map(({ text, answer_start, turn }) => {
        if (!turns) return { text, start: offset(answer_start), within: context.length };
        const place = places?.[turn!];
        const start = place ? offsetsIn(turns[turn!]!.text)(answer_start) : -1;
        return { text, start: start < 0 ? -1 : place!.start + start, within: place?.end ?? 0 };
      })
      .filter(
        ({ text, start, within }) =>
          text.trim() !== '' &&
          start >= 0 &&
          start + text.length <= within &&
          context.startsWith(text, start),
      )
      .map(({ text, start }) => ({ text, start }));
    for (let i = answers.length; i < stated.length; i++) count(misplaced, where);
    if (stated.length > 0 && answers.length === 0) count(dropped, where);
    else
      examples.push({
        ...{ id: qa.id, question: qa.question, context },
        ...(turns ? { turns } : {}),
        ...{ answers, where },
      });
  }
  return { examples, skipped: [empty, misplaced, dropped].filter(({ count }) => count > 0) };
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
