/** Every id and every offset against the Rust library, on a thousand lines or more in each of eleven configurations. */
import { describe, expect, it } from 'vitest';
import { sha256 } from '../../functions/artifacts/digest.ts';
import { windowsOf } from '../../functions/tasks/windows.ts';
import { compileTokenizer } from '../../functions/tokenizer/compile.ts';
import { openTokenizer } from '../../functions/tokenizer/open.ts';
import type { Encoding } from '../../functions/tokenizer/tokenizer.ts';
import { compileGolden, differences, framed, readBaseTokenizer, readGolden } from './golden.ts';

const shown = 5;

describe('ids and offsets equal those of the Rust library', () => {
  it.each([
    ['BERT WordPiece, uncased', 'wordpiece.jsonl.gz'],
    ['WordPiece, cased, accents kept, RoBERTa offsets, stripping added tokens', 'wordpiece-cased.jsonl.gz'],
    ['WordPiece, lower case with accents, control characters kept', 'wordpiece-loose.jsonl.gz'],
    ['Unigram with SentencePiece character map', 'unigram.jsonl.gz'],
    ['Unigram, split at white space first, normalized added tokens', 'unigram-split.jsonl.gz'],
    ['byte-level BPE as RoBERTa has it', 'bpe.jsonl.gz'],
    ['byte-level BPE, a space in front of every text', 'bpe-prefix.jsonl.gz'],
    ['byte-level BPE as ModernBERT has it: NFC, runs of spaces that are added tokens', 'bpe-modern.jsonl.gz'],
    ['byte-level BPE, digits one by one, pieces before merges, trimmed offsets', 'bpe-code.jsonl.gz'],
  ])('%s', (_title, name) => {
    const golden = readGolden(name);
    const tokenizer = openTokenizer(compileGolden(golden));
    expect(golden.rows.length).toBeGreaterThan(name.startsWith('bpe') ? 1000 : 2500);
    expect(differences(tokenizer, golden.rows).slice(0, shown)).toEqual([]);
    const [a, b] = framed.map(text => tokenizer.encode(text)) as [Encoding, Encoding];
    for (const [index, expected] of (golden.frames ?? []).entries()) {
      const sequences = index === 0 ? { a } : { a, b };
      const [window] = windowsOf(tokenizer, { ...sequences, slide: 'A' }, { maxLength: 512, stride: 0 });
      expect([[...window!.ids], [...window!.typeIds]]).toEqual(expected);
    }
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
