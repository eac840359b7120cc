/** The kinds of model, normalizer and pre-tokenizer that exist, by their `type` in tokenizer.json. */
import { bertNormalizer } from './bert-normalizer.ts';
import { bertPreTokenizer } from './bert-pretokenizer.ts';
import { metaspace } from './metaspace.ts';
import { precompiled } from './precompiled.ts';
import { replace } from './replace.ts';
import type { ModelType, Rewrite, StageType } from './stage.ts';
import { unigram } from './unigram.ts';
import { whitespaceSplit } from './whitespace-split.ts';
import { wordPiece } from './wordpiece.ts';

export const models = { WordPiece: wordPiece, Unigram: unigram } satisfies Record<string, ModelType>;

export const normalizers = {
  BertNormalizer: bertNormalizer,
  Precompiled: precompiled,
  Replace: replace,
} satisfies Record<string, StageType<Rewrite>>;

export const preTokenizers = {
  BertPreTokenizer: bertPreTokenizer,
  Metaspace: metaspace,
  WhitespaceSplit: whitespaceSplit,
} satisfies Record<string, StageType<Rewrite>>;
