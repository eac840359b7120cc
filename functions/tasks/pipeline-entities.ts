/**
 * Sequence labeling as transformers' TokenClassificationPipeline answers it (pipelines/token_classification.py): every
 * token by its own softmax, joined by an aggregation strategy. Without one, the entities of sequence-labeling.ts.
 */
import type { Encoding } from '../tokenizer/tokenizer.ts';
import { softmax } from './probability.ts';
import { type EncodedLabeling, type LabelingInput, sequenceLabeling } from './sequence-labeling.ts';
import type { Task, TaskContext } from './task.ts';
import { bestWindows, type Window } from './windows.ts';

export const aggregationStrategies = ['none', 'simple', 'first', 'average', 'max'] as const;
export type AggregationStrategy = (typeof aggregationStrategies)[number];

export interface PipelineEntitiesOptions {
  /** Left out: the most probable IOB2 sequence over words. */
  strategy?: AggregationStrategy | undefined;
  /** Tags (strategy `none`) or types that are left out of the answer. */
  ignoreLabels: readonly string[];
}

export interface PipelineEntity {
  /** A tag where the strategy is `none`, else the tag without its `B-` or `I-`. */
  label: string;
  score: number;
  /** What the text says there; the vocabulary's piece where the strategy is `none`. */
  word: string;
  /** UTF-16 offsets. */
  start: number;
  end: number;
  /** Place of the token among all, [CLS] being 0; with the strategy `none` alone. */
  index?: number;
}

interface Span {
  label: string;
  score: number;
  start: number;
  end: number;
}

/** Probabilities of a run of tokens of the text, one window's or the best of all. */
interface Reading {
  first: number;
  scores: readonly Float64Array[];
}

function decode(
  encoded: EncodedLabeling,
  logits: readonly Float32Array[],
  context: TaskContext,
  { strategy, ignoreLabels }: PipelineEntitiesOptions,
): PipelineEntity[] {
  const { windows, text, encoding } = encoded;
  const kept = ({ label }: { label: string }) => !ignoreLabels.includes(label);
  if (strategy === undefined)
    return sequenceLabeling
      .decode(encoded, logits, context)
      .entities.map(({ entityGroup, ...place }) => ({ label: entityGroup, ...place }))
      .filter(kept);
  const readings = windows.map((window, i) => readingOf(window, logits[i]!, context));
  if (strategy === 'none') {
    const best = bestWindows(windows, encoding.ids.length);
    const scores = Array.from(best, (window, token) => {
      const { first, scores } = readings[window]!;
      return scores[token - first]!;
    });
    const { position } = windows[0]!;
    const unknown = context.tokenizer.unkId;
    return tokenSpans({ first: 0, scores }, encoding, context)
      .map((span, token) => ({ ...span, index: position + token, id: encoding.ids[token]! }))
      .filter(kept)
      .map(({ id, ...entity }) => ({
        ...entity,
        word: id === unknown ? text.slice(entity.start, entity.end) : context.tokenizer.piece(id),
      }));
  }
  const groups = readings.flatMap(reading => {
    const spans =
      strategy === 'simple'
        ? tokenSpans(reading, encoding, context)
        : wordSpans(reading, { encoding, text, context, strategy });
    return grouped(spans).filter(kept);
  });
  const entities = windows.length > 1 ? withoutOverlaps(groups) : groups;
  return entities.map(entity => ({ ...entity, word: text.slice(entity.start, entity.end) }));
}

function readingOf(
  { position, first, count }: Window,
  logits: Float32Array,
  { labels }: TaskContext,
): Reading {
  const scores = Array.from({ length: count }, (_, i) =>
    softmax(logits.subarray((position + i) * labels.length, (position + i + 1) * labels.length)),
  );
  return { first, scores };
}

/** The most probable label and its probability; of equal ones the first. */
function best(scores: Float64Array, { labels }: TaskContext): { label: string; score: number } {
  const winner = scores.reduce((top, score, i) => (score > scores[top]! ? i : top), 0);
  return { label: labels[winner]!, score: scores[winner]! };
}

function tokenSpans({ first, scores }: Reading, { starts, ends }: Encoding, context: TaskContext): Span[] {
  return scores.map((row, i) => ({
    ...best(row, context),
    start: starts[first + i]!,
    end: ends[first + i]!,
  }));
}

interface WordsOptions {
  encoding: Encoding;
  text: string;
  context: TaskContext;
  strategy: 'first' | 'average' | 'max';
}

/** Words that transformers makes of tokens, each with one label. */
function wordSpans({ first, scores }: Reading, { encoding, text, context, strategy }: WordsOptions): Span[] {
  const words: { start: number; end: number; rows: Float64Array[] }[] = [];
  scores.forEach((row, i) => {
    const token = first + i;
    const [start, end] = [encoding.starts[token]!, encoding.ends[token]!];
    const open = words.at(-1);
    if (open && continues(token, { encoding, text, context })) {
      open.rows.push(row);
      open.end = end;
    } else words.push({ start, end, rows: [row] });
  });
  return words.map(({ start, end, rows }) => ({ ...best(rowOf(rows, strategy), context), start, end }));
}

function rowOf(rows: readonly Float64Array[], strategy: WordsOptions['strategy']): Float64Array {
  const [head] = rows as [Float64Array];
  if (strategy === 'first') return head;
  if (strategy === 'average')
    return head.map((_, label) => rows.reduce((sum, row) => sum + row[label]!, 0) / rows.length);
  const tops = rows.map(row => row.reduce((a, b) => Math.max(a, b)));
  return rows[tops.indexOf(tops.reduce((a, b) => Math.max(a, b)))]!;
}

/**
 * Whether a token belongs to the word before it, by the rule of transformers: where the vocabulary marks pieces inside a
 * word, a piece that is not as long as its text; else a token with no space before it.
 */
function continues(
  token: number,
  { encoding: { ids, starts, ends }, text, context: { tokenizer } }: Omit<WordsOptions, 'strategy'>,
): boolean {
  const [id, start, end] = [ids[token]!, starts[token]!, ends[token]!];
  if (id === tokenizer.unkId) return false;
  if (tokenizer.continuingPrefix === '') return start > 0 && !text.slice(start - 1, start + 1).includes(' ');
  return [...tokenizer.piece(id)].length !== [...text.slice(start, end)].length;
}

/** Joins neighbours of one type; `B-` begins anew. */
function grouped(spans: readonly Span[]): Span[] {
  const groups: Span[][] = [];
  for (const span of spans) {
    const open = groups.at(-1);
    const joins = open && !span.label.startsWith('B-') && typeOf(open.at(-1)!.label) === typeOf(span.label);
    if (joins) open.push(span);
    else groups.push([span]);
  }
  return groups.map(group => ({
    label: group[0]!.label.replace(/^[^-]*-/, ''),
    score: group.reduce((sum, { score }) => sum + score, 0) / group.length,
    start: group[0]!.start,
    end: group.at(-1)!.end,
  }));
}

const typeOf = (tag: string) => tag.replace(/^[BI]-/, '');

/** Of entities that overlap, as neighbouring windows give them: the longest, and of equally long ones the most probable. */
function withoutOverlaps(entities: readonly Span[]): Span[] {
  const kept: Span[] = [];
  for (const entity of [...entities].sort((a, b) => a.start - b.start)) {
    const before = kept.at(-1);
    if (!before || entity.start >= before.end) kept.push(entity);
    else {
      const longer = entity.end - entity.start - (before.end - before.start);
      if (longer > 0 || (longer === 0 && entity.score > before.score)) kept[kept.length - 1] = entity;
    }
  }
  return kept;
}

export const pipelineEntities = {
  name: 'sequence-labeling',
  encode: sequenceLabeling.encode,
  decode,
} satisfies Task<LabelingInput, PipelineEntity[], EncodedLabeling, PipelineEntitiesOptions>;
