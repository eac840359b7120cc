/** What compiling refuses, and what the frame of special tokens becomes. */
import { describe, expect, it } from 'vitest';
import { VeneerError } from '../../functions/error.ts';
import { byteLetters } from '../../functions/tokenizer/byte-level.ts';
import { compileTokenizer } from '../../functions/tokenizer/compile.ts';
import { openTokenizer } from '../../functions/tokenizer/open.ts';
import { rustNumber } from '../../functions/tokenizer/rust-json.ts';

const added = (id: number, content: string) => ({
  id,
  content,
  single_word: false,
  lstrip: false,
  rstrip: false,
  normalized: false,
  special: true,
});

const vocab = { '[PAD]': 0, '[UNK]': 1, '[CLS]': 2, '[SEP]': 3, un: 4, '##aff': 5, '##able': 6, a: 7 };

/** A tokenizer.json with these fields changed. */
const tokenizerJson = (changes: object = {}) =>
  JSON.stringify({
    version: '1.0',
    truncation: { max_length: 2, strategy: 'LongestFirst', stride: 0 },
    padding: { strategy: { Fixed: 128 }, pad_id: 0, pad_token: '[PAD]' },
    added_tokens: [added(0, '[PAD]'), added(1, '[UNK]')],
    normalizer: {
      type: 'BertNormalizer',
      clean_text: true,
      handle_chinese_chars: true,
      strip_accents: null,
      lowercase: true,
    },
    pre_tokenizer: { type: 'BertPreTokenizer' },
    post_processor: { type: 'BertProcessing', sep: ['[SEP]', 3], cls: ['[CLS]', 2] },
    decoder: { type: 'WordPiece', prefix: '##', cleanup: true },
    model: {
      type: 'WordPiece',
      unk_token: '[UNK]',
      continuing_subword_prefix: '##',
      max_input_chars_per_word: 100,
      vocab,
    },
    ...changes,
  });

const open = (changes?: object) => openTokenizer(compileTokenizer(tokenizerJson(changes)));
const unigram = (fields: object = {}) => ({
  model: {
    type: 'Unigram',
    unk_id: 0,
    vocab: [
      ['<pad>', 0],
      ['a', -1],
    ],
    ...fields,
  },
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: null,
});

function refusal(changes: object) {
  try {
    open(changes);
  } catch (error) {
    expect(error).toBeInstanceOf(VeneerError);
    expect((error as VeneerError).code).toBe('invalid_artifact');
    expect((error as VeneerError).message).not.toContain('\n');
    return (error as VeneerError).message;
  }
  throw new Error('nothing was refused');
}

describe('compileTokenizer', () => {
  it('pays no attention to the truncation and padding of the file', () => {
    expect(Array.from(open().encode('Unaffable un a').ids)).toEqual([4, 5, 6, 4, 7]);
  });

  it('gives equal bytes for equal files', () => {
    expect(compileTokenizer(tokenizerJson())).toEqual(compileTokenizer(tokenizerJson()));
  });

  it.each([
    ['a normalizer', { normalizer: { type: 'NFKC' } }, /normalizer.*NFKC/],
    [
      'a normalizer within a sequence',
      { normalizer: { type: 'Sequence', normalizers: [{ type: 'Strip' }] } },
      /Strip/,
    ],
    ['a pre-tokenizer', { pre_tokenizer: { type: 'Punctuation' } }, /pre_tokenizer.*Punctuation/],
    ['a model', { model: { type: 'WordLevel' } }, /model.*WordLevel/],
    ['a model named as a property of every object', { model: { type: 'constructor' } }, /model.*constructor/],
    ['a post-processor', { post_processor: { type: 'Other', processors: [] } }, /post_processor.*Other/],
    ['a field', { surprise: 1 }, /surprise/],
    ['a field of a stage', { pre_tokenizer: { type: 'BertPreTokenizer', twist: true } }, /twist/],
    ['byte fallback', unigram({ byte_fallback: true }), /byte_fallback/],
    [
      'an expression',
      { normalizer: { type: 'Replace', pattern: { Regex: '\\s+' }, content: ' ' } },
      /Regex.*\\s\+/,
    ],
  ])('refuses %s it does not know, by name', (_what, changes, message) => {
    expect(refusal(changes)).toMatch(message);
  });

  it('refuses what contradicts itself', () => {
    expect(refusal({ added_tokens: [added(9, 'new')] })).toMatch(/"new" has id 9/);
    expect(refusal(unigram({ unk_id: 2 }))).toMatch(/unk_id/);
    expect(refusal({ model: { ...JSON.parse(tokenizerJson()).model, unk_token: '?' } })).toMatch(/unk_token/);
    expect(refusal({ normalizer: { type: 'Precompiled', precompiled_charsmap: 'AAAA' } })).toMatch(
      /charsmap/,
    );
    expect(() => compileTokenizer('{')).toThrow(/not JSON/);
  });
});

/** A byte-level vocabulary: the 256 letters, and "the" in two steps. */
const bytes = Array.from(byteLetters, letter => String.fromCodePoint(letter));
const byteVocab = Object.fromEntries(['<pad>', ...bytes, 'th', 'the'].map((piece, id) => [piece, id]));
const byteLevel = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true };
const bpe = (fields: object = {}, changes: object = {}) => ({
  model: {
    type: 'BPE',
    dropout: null,
    unk_token: null,
    vocab: byteVocab,
    merges: ['t h', 'th e'],
    ...fields,
  },
  added_tokens: [],
  normalizer: null,
  pre_tokenizer: byteLevel,
  post_processor: null,
  ...changes,
});

describe('of byte-pair encoding', () => {
  it('reads merges as strings and as pairs, and empty affixes as none', () => {
    const affixes = { continuing_subword_prefix: '', end_of_word_suffix: '' };
    const strings = open(bpe({ ...affixes, merges: ['#version: 0.2', 't h', 'th e'] }));
    const pairs = open(
      bpe({
        merges: [
          ['t', 'h'],
          ['th', 'e'],
        ],
        continuing_subword_prefix: null,
      }),
    );
    expect([...strings.encode('the th').ids]).toEqual([258, byteVocab['\u0120'], 257]);
    expect(pairs.encode('the th')).toEqual(strings.encode('the th'));
    expect(strings.unkId).toBe(-1);
  });

  it('knows a model by its fields where a file of old gives no type', () => {
    const { type: _, ...model } = bpe().model;
    expect([...open(bpe({}, { model })).encode('the').ids]).toEqual([258]);
    const { type: __, ...pieces } = JSON.parse(tokenizerJson()).model;
    expect([...open({ model: pieces }).encode('unaffable').ids]).toEqual([4, 5, 6]);
    const { type: ___, ...scored } = unigram().model;
    expect([...open({ ...unigram(), model: scored }).encode('a').ids]).toEqual([1]);
  });

  it('finds a piece with the name of what every object has', () => {
    const vocab = JSON.parse(`{${JSON.stringify(byteVocab).slice(1, -1)}, "__": 259, "__proto__": 260}`);
    const { ids } = open(
      bpe({ vocab, ignore_merges: true }, { pre_tokenizer: { ...byteLevel, use_regex: false } }),
    ).encode('__proto__');
    expect([...ids]).toEqual([260]);
  });

  it.each([
    ['dropout', bpe({ dropout: 0.1 }), /model\.dropout/],
    ['a prefix of pieces', bpe({ continuing_subword_prefix: '##' }), /model\.continuing_subword_prefix/],
    ['a suffix of words', bpe({ end_of_word_suffix: '</w>' }), /model\.end_of_word_suffix/],
    ['byte fallback', bpe({ byte_fallback: true }), /model\.byte_fallback/],
    ['a field', bpe({ twist: true }), /twist/],
    ['a merge of a piece that is missing', bpe({ merges: ['t h', 'x q'] }), /model\.merges\.1.*"xq"/],
    ['a merge that is no pair', bpe({ merges: ['t h e'] }), /model\.merges\.0.*"t h e"/],
    ['an unknown token that is missing', bpe({ unk_token: '?!' }), /model\.unk_token.*"\?!"/],
    ['an id that is none', bpe({ vocab: { ...byteVocab, the: 1.5 } }), /model\.vocab.*"the"/],
    ['a vocabulary that is none', bpe({ vocab: null }), /model\.vocab/],
    ['a byte without a letter', bpe({ vocab: { ...byteVocab, a: undefined } }), /model\.unk_token.*0x61/],
    [
      'text that is not written in bytes',
      bpe({}, { pre_tokenizer: { type: 'WhitespaceSplit' } }),
      /pre_tokenizer.*ByteLevel/,
    ],
    [
      'a field of ByteLevel',
      bpe({}, { pre_tokenizer: { ...byteLevel, twist: true } }),
      /pre_tokenizer.*twist/,
    ],
    [
      'post-processors in another order',
      bpe({}, { post_processor: { type: 'Sequence', processors: [byteLevel] } }),
      /post_processor\.processors/,
    ],
    [
      'offsets that are trimmed twice',
      bpe({}, { post_processor: { type: 'Sequence', processors: [byteLevel, byteLevel] } }),
      /post_processor\.processors.*trim/,
    ],
  ])('refuses %s', (_what, changes, message) => {
    expect(refusal(changes)).toMatch(message);
  });
});

describe('the frame', () => {
  const [cls, sep] = [2, 3].map(special => ({ special, typeId: 0 }));
  const [a, b] = ['A', 'B'].map(sequence => ({ sequence, typeId: 0 }));

  it('of BertProcessing gives the second text and its separator type 1', () => {
    const { single, pair, padId, unkId } = open();
    expect({ single, padId, unkId }).toEqual({ single: [cls, a, sep], padId: 0, unkId: 1 });
    expect(pair).toEqual([cls, a, sep, { sequence: 'B', typeId: 1 }, { special: 3, typeId: 1 }]);
  });

  it('of RobertaProcessing has two separators between the texts', () => {
    const roberta = { sep: ['[SEP]', 3], cls: ['[CLS]', 2], trim_offsets: true, add_prefix_space: true };
    const { single, pair } = open({ post_processor: { type: 'RobertaProcessing', ...roberta } });
    expect({ single, pair }).toEqual({ single: [cls, a, sep], pair: [cls, a, sep, sep, b, sep] });
  });

  it('of TemplateProcessing is what the template says', () => {
    const special = (id: string, type_id = 0) => ({ SpecialToken: { id, type_id } });
    const sequence = (id: string, type_id = 0) => ({ Sequence: { id, type_id } });
    const { single, pair } = open({
      post_processor: {
        type: 'TemplateProcessing',
        single: [sequence('A'), special('two')],
        pair: [sequence('B', 1), special('two', 1), sequence('A')],
        special_tokens: { two: { id: 'two', ids: [2, 3], tokens: ['[CLS]', '[SEP]'] } },
      },
    });
    expect(single).toEqual([a, cls, sep]);
    expect(pair).toEqual([{ sequence: 'B', typeId: 1 }, { ...cls, typeId: 1 }, { ...sep, typeId: 1 }, a]);
  });

  it('without a post-processor is the bare texts', () => {
    expect(open({ post_processor: null }).pair).toEqual([a, { sequence: 'B', typeId: 1 }]);
  });
});

it('numbers are read as serde_json reads them, which is not always the nearest float64', () => {
  // Significands over 2^53; expected: the u64 as float64, divided by the power of ten.
  expect(rustNumber('-3.4635426998138428')).toBe(-Number(34635426998138428n) / 1e16);
  expect(rustNumber('-20.3647518157959')).toBe(-20.3647518157959);
  expect(rustNumber('1e3')).toBe(1000);
  expect(rustNumber('0.10000000000000000000001')).toBe(Number(1000000000000000000n) / 1e19);
  expect(rustNumber('123456789012345678901234.5')).toBe(Number(12345678901234567890n) * 1e4);
});
