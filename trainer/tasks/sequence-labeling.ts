/**
 * Training of sequence labeling. A data set's words are joined by spaces; where the tokenizer-independent segmentation
 * (words.ts) cuts one of them further, its first piece carries the tag, and the others continue an entity but teach nothing
 * where there is none: the many pieces of web addresses would drown the rare entities (they cannot start one, since
 * decoding allows I- only after B-). What is scored is the tag of the first piece.
 */
import { mainMetrics } from '../../functions/gates.ts';
import {
  type EncodedLabeling,
  type LabelingInput,
  type LabelingOutput,
  sequenceLabeling as serving,
} from '../../functions/tasks/sequence-labeling.ts';
import type { Word } from '../../functions/tasks/words.ts';
import type { LabelingExample } from '../data/dataset.ts';
import { readLabeling, readLabelingSplit } from '../data/labeling.ts';
import { checkKnownEntityTypes, tagsOf } from '../data/labels.ts';
import { scoreEntities } from '../metrics/entities.ts';
import type { TrainingTask } from './training-task.ts';

/** For each piece of the joined text, the word of the example that it lies in. */
function owners(example: LabelingExample, pieces: readonly Word[]): number[] {
  let word = 0;
  let end = example.words[0]?.length ?? 0;
  return pieces.map(piece => {
    while (piece.start >= end && word + 1 < example.words.length) end += 1 + example.words[++word]!.length;
    return word;
  });
}

/** The answer's tag of each of the example's words. */
export function tagsOfWords(example: LabelingExample, { words, tags }: LabelingOutput): string[] {
  const found = example.words.map(() => 'O');
  const seen = new Set<number>();
  owners(example, words).forEach((word, piece) => {
    if (!seen.has(word)) found[word] = tags[piece]!;
    seen.add(word);
  });
  return found;
}

/** Tag of a further piece of a word; undefined where it is not trained. */
const continued = (tag: string) => (tag === 'O' ? undefined : `I-${tag.slice(2)}`);

export const sequenceLabeling: TrainingTask<
  LabelingExample,
  LabelingInput,
  LabelingOutput,
  EncodedLabeling,
  object
> = {
  serving,
  mainMetric: mainMetrics['sequence-labeling'],
  defaults: { maxLength: 128, stride: 32 },
  head: () => ({ kind: 'token' }),
  read: readLabeling,
  readSplit: readLabelingSplit,
  known: train => ({ labels: tagsOf(train.examples) }),
  checkKnown: checkKnownEntityTypes,
  input: ({ words }) => ({ text: words.join(' ') }),
  options: () => ({}),
  targets: (example, { windows, words, firstTokens }, { labels }) => {
    const owner = owners(example, words);
    const tags = words.map((_, i) => {
      const tag = example.tags[owner[i]!]!;
      const own = i > 0 && owner[i] === owner[i - 1] ? continued(tag) : tag;
      return own === undefined ? -1 : labels.indexOf(own);
    });
    return windows.map(({ ids, position, first, count }) => {
      const targets = new Int32Array(ids.length).fill(-1);
      firstTokens.forEach((token, word) => {
        if (token >= first && token < first + count) targets[position + token - first] = tags[word]!;
      });
      return targets;
    });
  },
  score: (examples, outputs) =>
    scoreEntities(
      examples.map(example => example.tags),
      examples.map((example, i) => tagsOfWords(example, outputs[i]!)),
    ).metrics,
  unanswerable: () => false,
};
