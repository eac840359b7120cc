/**
 * Texts and tagged sentences as units and back. A word is what stands between spaces, without the punctuation around it; in
 * scripts without spaces, a word of the synonyms, then one of Unicode's segmentation or a character.
 */
import type { LabelingExample } from '../data/dataset.ts';
import type { Unit } from './eda.ts';
import type { Synonyms } from './synonyms.ts';

export const unitNames = ['word', 'character'] as const;
export type UnitName = (typeof unitNames)[number];

export interface Cutting {
  unit: UnitName;
  synonyms: Synonyms;
}

const unspaced = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}]/u;
const spoken = /[\p{L}\p{N}]/u;
const chunk = /[\p{L}\p{N}](?:\S*[\p{L}\p{N}\p{M}])?/gu;

let segmenter: Intl.Segmenter | undefined;

/** Words and punctuation of a text without spaces, which together are the text. */
function cut(text: string, { unit, synonyms }: Cutting): string[] {
  const rest = (part: string): string[] => {
    if (part === '') return [];
    if (unit === 'character') return part.match(/[a-zA-Z0-9]+|./gsu) ?? [];
    segmenter ??= new Intl.Segmenter('zh', { granularity: 'word' });
    return Array.from(segmenter.segment(part), ({ segment }) => segment);
  };
  const pieces: string[] = [];
  let from = 0;
  for (let at = 0; at < text.length; ) {
    let length = Math.min(synonyms.longest, text.length - at);
    while (length > 1 && synonyms.of(text.slice(at, at + length)).length === 0) length--;
    if (length > 1) {
      pieces.push(...rest(text.slice(from, at)), text.slice(at, at + length));
      at += length;
      from = at;
    } else at++;
  }
  return [...pieces, ...rest(text.slice(from))];
}

export interface CutText {
  units: Unit[];
  /** What stands behind the last unit. */
  after: string;
}

export function unitsOfText(text: string, cutting: Cutting): CutText {
  const units: Unit[] = [];
  let before = '';
  let end = 0;
  for (const match of text.matchAll(chunk)) {
    before += text.slice(end, match.index);
    end = match.index + match[0].length;
    for (const piece of unspaced.test(match[0]) ? cut(match[0], cutting) : [match[0]]) {
      if (!spoken.test(piece)) {
        before += piece;
        continue;
      }
      units.push({ before, text: piece });
      before = '';
    }
  }
  return { units, after: before + text.slice(end) };
}

export function textOf({ units, after }: CutText): string {
  return units.map(({ before, text }) => before + text).join('') + after;
}

/** Entities are fixed, and so is punctuation; of tokens that are single characters, words are put together. */
export function unitsOfSentence({ words, tags }: LabelingExample, cutting: Cutting): Unit[] {
  const units: Unit[] = [];
  for (let i = 0; i < words.length; ) {
    let end = i + 1;
    if (tags[i] !== 'O') {
      while (end < words.length && tags[end]!.startsWith('I-')) end++;
      units.push({ before: ' ', text: '', fixed: [i, end] });
    } else if (!spoken.test(words[i]!)) {
      units.push({ before: ' ', text: '', fixed: [i, end] });
    } else if (isCharacter(words[i]!)) {
      while (end < words.length && tags[end] === 'O' && isCharacter(words[end]!)) end++;
      const run = words.slice(i, end).join('');
      units.push(...cut(run, cutting).map(text => ({ before: '', text })));
    } else units.push({ before: ' ', text: words[i]! });
    i = end;
  }
  return units;
}

const isCharacter = (word: string) => unspaced.test(word) && [...word].length === 1;

/** Words that are new or moved are outside any entity. */
export function sentenceOf(units: readonly Unit[], example: LabelingExample): LabelingExample {
  const byCharacter = example.words.every(word => !unspaced.test(word) || isCharacter(word));
  const parts = units.map(({ text, fixed }) => {
    if (fixed) return { words: example.words.slice(...fixed), tags: example.tags.slice(...fixed) };
    const words = byCharacter && unspaced.test(text) ? [...text] : text.split(/\s+/);
    return { words, tags: words.map(() => 'O') };
  });
  return {
    ...example,
    words: parts.flatMap(({ words }) => words),
    tags: parts.flatMap(({ tags }) => tags),
  };
}
