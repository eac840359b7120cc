/** The kinds of model, normalizer and pre-tokenizer that exist, by their `type` in tokenizer.json. */
import { bertNormalizer } from './bert-normalizer.ts';
import { bertPreTokenizer } from './bert-pretokenizer.ts';
import { bpe } from './bpe.ts';
import { byteLevel } from './byte-level.ts';
import { digits } from './digits.ts';
import { metaspace } from './metaspace.ts';
import { nfc } from './nfc.ts';
import { precompiled } from './precompiled.ts';
import { replace } from './replace.ts';
import type { ModelType, Rewrite, StageType } from './stage.ts';
import { unigram } from './unigram.ts';
import { whitespaceSplit } from './whitespace-split.ts';
import { wordPiece } from './wordpiece.ts';

export const models = { WordPiece: wordPiece, Unigram: unigram, BPE: bpe } satisfies Record<
  string,
  ModelType
>;

export const normalizers = {
  BertNormalizer: bertNormalizer,
  NFC: nfc,
  Precompiled: precompiled,
  Replace: replace,
} satisfies Record<string, StageType<Rewrite>>;

export const preTokenizers = {
  BertPreTokenizer: bertPreTokenizer,
  ByteLevel: byteLevel,
  Digits: digits,
  Metaspace: metaspace,
  WhitespaceSplit: whitespaceSplit,
} satisfies Record<string, StageType<Rewrite>>;
