/** Sequence labeling (named entities): one IOB2 tag a word, read at the word's first token. */
import type { Encoding } from '../tokenizer/tokenizer.ts';
import { decodeTags, entitiesOf } from './iob.ts';
import { logSoftmax } from './probability.ts';
import type { Task, TaskContext } from './task.ts';
import { bestWindows, type Window, windowsOf } from './windows.ts';
import { firstTokens, type Word, wordsOf } from './words.ts';

export interface LabelingInput {
  text: string;
}

export interface LabeledEntity {
  entityGroup: string;
  /** Mean probability of its words' tags. */
  score: number;
  word: string;
  /** UTF-16 offsets. */
  start: number;
  end: number;
}

export interface LabelingOutput {
  entities: LabeledEntity[];
  words: Word[];
  /** One a word. */
  tags: string[];
}

export interface EncodedLabeling {
  windows: Window[];
  text: string;
  words: Word[];
  /** First token of each word, or -1. */
  firstTokens: Int32Array;
  encoding: Encoding;
}

function encode({ text }: LabelingInput, context: TaskContext): EncodedLabeling {
  const encoding = context.tokenizer.encode(text);
  const words = wordsOf(text);
  return {
    windows: windowsOf(context.tokenizer, { a: encoding, slide: 'A' }, context),
    text,
    words,
    firstTokens: firstTokens(words, encoding),
    encoding,
  };
}

function decode(
  { windows, text, words, firstTokens, encoding }: EncodedLabeling,
  logits: readonly Float32Array[],
  { labels }: TaskContext,
): LabelingOutput {
  const best = bestWindows(windows, encoding.ids.length);
  const outside = Float64Array.from(labels, label => (label === 'O' ? 0 : Number.NEGATIVE_INFINITY));
  const logProbabilities = Array.from(firstTokens, token => {
    if (token < 0) return outside;
    const index = best[token]!;
    const window = windows[index]!;
    const at = (window.position + token - window.first) * labels.length;
    return logSoftmax(logits[index]!.subarray(at, at + labels.length));
  });
  const path = decodeTags(logProbabilities, labels);
  const tags = Array.from(path, tag => labels[tag]!);
  const entities = entitiesOf(tags).map(({ type, first, last }) => {
    let score = 0;
    for (let word = first; word <= last; word++) score += Math.exp(logProbabilities[word]![path[word]!]!);
    const [start, end] = [words[first]!.start, words[last]!.end];
    return { entityGroup: type, score: score / (last - first + 1), word: text.slice(start, end), start, end };
  });
  return { entities, words, tags };
}

export const sequenceLabeling = { name: 'sequence-labeling', encode, decode } satisfies Task<
  LabelingInput,
  LabelingOutput,
  EncodedLabeling
>;
