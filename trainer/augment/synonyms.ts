/** Where synonyms come from: the seam between the operations and WordNet (wordnet.ts) or a file of groups. */
import { VeneerError } from '../../functions/error.ts';

export interface Synonyms {
  /** Other words for this one, without it; empty where none are known. */
  of(word: string): readonly string[];
  /** Longest word that has an entry, in UTF-16 units: how far a text without spaces is looked up. */
  longest: number;
}

/** A line of the Chinese thesaurus Cilin starts with such a code; `=` says synonyms, `#` related words, `@` a word alone. */
const cilinCode = /^[A-Z][a-z]\d\d[A-Z]\d\d([=#@])\s+/;

/** One group of synonyms a line, between commas, tabs or (where the line has neither) spaces. `#` begins a comment. */
export function parseSynonyms(text: string, file: string): Synonyms {
  const groups = new Map<string, Set<string>>();
  let longest = 0;
  for (const [index, raw] of text.split(/\r?\n/).entries()) {
    const code = cilinCode.exec(raw);
    const line = (code ? raw.slice(code[0].length) : raw).trim();
    if (line === '' || line.startsWith('#') || (code && code[1] !== '=')) continue;
    const words = line
      .split(/[\t,，、]/.test(line) ? /[\t,，、]/ : /\s+/)
      .map(word => word.trim())
      .filter(word => word !== '');
    if (new Set(words).size < 2)
      throw new VeneerError(
        'invalid_data',
        `${file}:${index + 1}: ${JSON.stringify(line)} is no group of synonyms: write two words or more on a line, between commas, tabs or spaces`,
      );
    for (const word of words) {
      const key = word.toLowerCase();
      const others = groups.get(key) ?? new Set();
      for (const other of words) if (other.toLowerCase() !== key) others.add(other);
      groups.set(key, others);
      longest = Math.max(longest, word.length);
    }
  }
  if (groups.size === 0) throw new VeneerError('invalid_data', `${file}: no synonyms in it`);
  return { of: word => [...(groups.get(word.toLowerCase()) ?? [])], longest };
}
