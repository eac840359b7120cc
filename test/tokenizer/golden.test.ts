/** Every id and every offset against the Rust library, on a few thousand lines in each of seven configurations. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { compileTokenizer } from '../../functions/tokenizer/compile.ts';
import { openTokenizer } from '../../functions/tokenizer/open.ts';
import { differences, readBaseTokenizer, readFixture, readGolden } from './golden.ts';

const shown = 5;

describe('ids and offsets equal those of the Rust library', () => {
  it.each([
    ['BERT WordPiece, uncased', 'wordpiece.jsonl.gz'],
    ['WordPiece, cased, accents kept, RoBERTa offsets, stripping added tokens', 'wordpiece-cased.jsonl.gz'],
    ['WordPiece, lower case with accents, control characters kept', 'wordpiece-loose.jsonl.gz'],
    ['Unigram with SentencePiece character map', 'unigram.jsonl.gz'],
    ['Unigram, split at white space first, normalized added tokens', 'unigram-split.jsonl.gz'],
  ])('%s', (_title, name) => {
    const golden = readGolden(name);
    const source = readFixture(golden.source);
    expect(sha256(source)).toBe(golden.sha256);
    const json = JSON.stringify({ ...JSON.parse(source), ...golden.patch });
    const tokenizer = openTokenizer(compileTokenizer(json));
    expect(golden.rows.length).toBeGreaterThan(2500);
    expect(differences(tokenizer, golden.rows).slice(0, shown)).toEqual([]);
  });

  for (const base of ['all-MiniLM-L6-v2', 'multilingual-e5-small']) {
    const source = readBaseTokenizer(base);
    const reason = source
      ? ''
      : ` (skipped: set VENEER_TEST_BASES to a folder that holds ${base}/tokenizer.json)`;
    if (!source) console.warn(`${base}${reason}`);
    it.skipIf(!source)(`${base}${reason}`, () => {
      const golden = readGolden(`${base}.jsonl.gz`);
      expect(sha256(source!)).toBe(golden.sha256);
      const tokenizer = openTokenizer(compileTokenizer(source!));
      expect(differences(tokenizer, golden.rows).slice(0, shown)).toEqual([]);
    });
  }
});
