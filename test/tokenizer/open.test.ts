/** What opening refuses, and what holds for every text. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { openTokenizer } from '../../functions/tokenizer/open.ts';
import { compileGolden, readFixture, readGolden } from './golden.ts';

const compiled = new Map(
  [
    'wordpiece.jsonl.gz',
    'wordpiece-cased.jsonl.gz',
    'unigram.jsonl.gz',
    'unigram-split.jsonl.gz',
    'bpe-prefix.jsonl.gz',
    'bpe-modern.jsonl.gz',
  ].map(name => [name, compileGolden(readGolden(name))]),
);
const wordPiece = compiled.get('wordpiece.jsonl.gz')!;

/** Any UTF-16, lone surrogates among it, with what tokenizers trip over more often than chance has it. */
const text = fc
  .array(
    fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'grapheme' }),
      fc.integer({ min: 0, max: 0xffff }).map(unit => String.fromCharCode(unit)),
      fc.constantFrom(
        ' ',
        '\u3000',
        '[SEP]',
        '<mask>',
        '\u0301',
        '\u0316',
        '\u302e',
        '\r\n',
        'ﬁ',
        '①',
        '가',
        '▁',
        '🙂\u200d',
        "'ll",
        '\u1100\u1161\u11a8',
      ),
    ),
    { maxLength: 12 },
  )
  .map(parts => parts.join(''));

describe.each([...compiled])('for every text, %s', (_name, bytes) => {
  const tokenizer = openTokenizer(bytes);

  it('gives ids and offsets that are inside the text and in order', () => {
    fc.assert(
      fc.property(text, source => {
        const { ids, starts, ends, words } = tokenizer.encode(source);
        expect([starts.length, ends.length, words.length]).toEqual([ids.length, ids.length, ids.length]);
        for (let i = 0; i < ids.length; i++) {
          expect(ids[i]).toBeGreaterThanOrEqual(0);
          // A space that was put in front of a character has its place, and trimming it off gives that place up.
          const ordered = i > 0 && _name !== 'bpe-prefix.jsonl.gz';
          expect(starts[i]!).toBeGreaterThanOrEqual(ordered ? starts[i - 1]! : 0);
          expect(ends[i]!).toBeGreaterThanOrEqual(starts[i]!);
          expect(ends[i]!).toBeLessThanOrEqual(source.length);
          expect(words[i]!).toBeGreaterThanOrEqual(i === 0 ? 0 : words[i - 1]!);
          if (ids[i] !== tokenizer.unkId) expect(tokenizer.piece(ids[i]!)).not.toBe('');
        }
      }),
      { numRuns: 500 },
    );
  });

  it('gives the same whatever was encoded before', () => {
    fc.assert(
      fc.property(text, text, (first, second) => {
        const alone = openTokenizer(bytes).encode(second);
        tokenizer.encode(first);
        expect(tokenizer.encode(second)).toEqual(alone);
      }),
      { numRuns: 50 },
    );
  });

  it('reads a lone surrogate as U+FFFD', () => {
    for (const lone of ['\ud83d', '\ude00', '\ude00\ud83d', 'a\ud83db'])
      expect(tokenizer.encode(lone)).toEqual(tokenizer.encode(lone.replaceAll(/[\ud800-\udfff]/g, '\ufffd')));
  });

  it('concatenates: two texts apart by a space have the tokens of both', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[a-z]{1,12}$/), fc.stringMatching(/^[a-z]{1,12}$/), (first, second) => {
        const [one, two, both] = [first, second, `${first} ${second}`].map(
          part => tokenizer.encode(part).ids,
        );
        // Where only the first word of a text is marked, or none is, the second differs when alone.
        if (!/unigram-split|bpe-modern/.test(_name)) expect([...both!]).toEqual([...one!, ...two!]);
      }),
    );
  });

  it('encodes a text of a million characters', () => {
    for (const unit of ['a', 'e\u0301', '中', 'word ', '\u0301\u0316', '🙂', '\u302e\u0316'])
      expect(tokenizer.encode(unit.repeat(1_100_000 / unit.length)).ids.length).toBeGreaterThanOrEqual(0);
  });
});

describe('openTokenizer', () => {
  it('makes no difference where the bytes lie in memory', () => {
    const shifted = new Uint8Array(wordPiece.length + 8);
    shifted.set(wordPiece, 3);
    const tokenizer = openTokenizer(shifted.subarray(3, 3 + wordPiece.length));
    expect(tokenizer.encode('Grüße, 中文!')).toEqual(openTokenizer(wordPiece).encode('Grüße, 中文!'));
  });

  it('refuses bytes of another kind, another version, and bytes cut short', () => {
    const invalid = (message: RegExp) =>
      expect.objectContaining({ code: 'invalid_artifact', message: expect.stringMatching(message) });
    expect(() => openTokenizer(new Uint8Array())).toThrow(invalid(/does not start with/));
    expect(() => openTokenizer(new TextEncoder().encode('{"version": "1.0"}'))).toThrow(
      invalid(/does not start/),
    );
    expect(() => openTokenizer(wordPiece.with(8, 9))).toThrow(invalid(/version is 9/));
    expect(() => openTokenizer(wordPiece.slice(0, 100))).toThrow(invalid(/cut short/));
    expect(() => openTokenizer(wordPiece.slice(0, -1000))).toThrow(invalid(/cut short/));
    expect(() => openTokenizer(wordPiece.with(16, 0))).toThrow(invalid(/not JSON/));
  });
});

describe('pieces', () => {
  it.each([...compiled])('are the strings of the vocabulary of %s', (name, bytes) => {
    const tokenizer = openTokenizer(bytes);
    const { source, patch } = readGolden(name);
    const { model, added_tokens } = { ...JSON.parse(readFixture(source)), ...patch };
    const ids: [string, number][] = Array.isArray(model.vocab)
      ? model.vocab.map(([piece]: [string], id: number) => [piece, id])
      : Object.entries(model.vocab);
    const added = new Map<number, string>(
      added_tokens.map((token: { id: number; content: string }) => [token.id, token.content]),
    );
    expect(ids.length).toBeGreaterThan(100);
    // Of pieces that stand there twice the last one is what is found.
    const last = new Map(ids);
    for (const [piece, id] of last) expect(tokenizer.piece(id)).toBe(added.get(id) ?? piece);
    for (const [id, content] of added) expect(tokenizer.piece(id)).toBe(content);
    expect(tokenizer.piece(10_000_000)).toBe('');
    expect(tokenizer.continuingPrefix).toBe(name.startsWith('wordpiece') ? '##' : '');
  });

  it('of one word have the same number, and punctuation is a word', () => {
    const tokenizer = openTokenizer(wordPiece);
    const { starts, words } = tokenizer.encode("it isn't [SEP] unbelievableness!");
    const first = new Map(Array.from(words, (word, i) => [word, starts[i]]).reverse() as [number, number][]);
    expect([...first.values()].reverse()).toEqual([0, 3, 6, 7, 9, 15, 31]);
  });
});
