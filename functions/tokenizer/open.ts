/**
 * Opens a compiled tokenizer: views over its bytes, and the way from text to tokens. Ids and offsets are those of the
 * Rust `tokenizers` library with its default settings; a lone surrogate is read as U+FFFD, as in UTF-8.
 */
import { VeneerError } from '../error.ts';
import { type AddedToken, addedTokenCutter, type Cut } from './added-tokens.ts';
import type { CompiledConfig } from './compile.ts';
import { Draft } from './draft.ts';
import { type SectionReader, unpack } from './format.ts';
import type { Rewrite, StageType } from './stage.ts';
import { models, normalizers, preTokenizers } from './stages.ts';
import type { Encoding, Tokenizer } from './tokenizer.ts';
import { Tokens } from './tokens.ts';

/** Buffers that one long text has made larger than this many characters are let go after it. */
const keptCharacters = 1 << 20;

/** White space, and the letter that byte-level vocabularies write a space as. */
const whitespace = /^[\p{White_Space}\u0120]$/u;
const isWhitespace = (point: number) =>
  point < 0x80 ? point === 0x20 || (point > 8 && point < 14) : whitespace.test(String.fromCodePoint(point));

/** @throws VeneerError `invalid_artifact` where the bytes are not a compiled tokenizer of this version. */
export function openTokenizer(compiled: Uint8Array): Tokenizer {
  const { config: stored, section } = unpack(compiled);
  const config = stored as CompiledConfig;
  const model = opened(models, config.model, 'model', section);
  const normalize = config.normalizers.map((part, i) => opened(normalizers, part, `normalizer${i}`, section));
  const preTokenize = config.preTokenizers.map((part, i) =>
    opened(preTokenizers, part, `pre_tokenizer${i}`, section),
  );
  const { single, pair, trim } = config.framing;
  const newTokens = () => new Tokens(trim && { ...trim, isWhitespace });
  let draft = new Draft();
  let tokens = newTokens();

  const cutRaw = addedTokenCutter(config.addedTokens.filter(token => !token.normalized));
  const cutNormalized = addedTokenCutter(
    config.addedTokens.filter(token => token.normalized).map(token => normalized(token, normalize)),
  );

  const encodeText = (source: string, from: number, to: number) => {
    draft.text.decode(source, from, to);
    draft.rewritten = false;
    for (const rewrite of normalize) rewrite(draft);
    draft.blankSpans();
    draft.swapSpans();
    if (draft.text.length === 0) return;
    // Most texts are normal already, and then need not be put together again.
    const normal = draft.rewritten ? textOf : () => source.slice(from, to);
    if (!(cutNormalized && pushCuts(draft, cutNormalized(normal(draft)))))
      draft.spans.push(0, draft.text.length, -1);
    for (const rewrite of preTokenize) rewrite(draft);
    const { text, spans } = draft;
    for (let i = 0; i < spans.length; i++) {
      const id = spans.ids[i]!;
      tokens.nextWord();
      if (id < 0) model.tokenize(text, spans.froms[i]!, spans.tos[i]!, tokens);
      else tokens.push(id, text, spans.froms[i]!, spans.tos[i]!);
    }
  };

  const encode = (source: string): Encoding => {
    tokens.reset(source);
    const cuts = cutRaw?.(source);
    if (!cuts) encodeText(source, 0, source.length);
    else
      for (const { from, to, id } of cuts)
        if (id < 0) encodeText(source, from, to);
        else {
          draft.text.decode(source, from, to);
          tokens.nextWord();
          tokens.push(id, draft.text, 0, draft.text.length);
        }
    const encoding = tokens.encoding();
    if (source.length > keptCharacters) {
      draft = new Draft();
      tokens = newTokens();
    }
    return encoding;
  };
  const added = new Map(config.addedTokens.map(({ id, content }) => [id, content]));
  return {
    ...{ encode, padId: config.padId, unkId: model.unkId, single, pair },
    continuingPrefix: model.continuingPrefix,
    piece: id => added.get(id) ?? model.piece(id),
  };
}

function opened<Stage>(
  kinds: Record<string, StageType<Stage>>,
  { type, config }: { type: string; config: object },
  prefix: string,
  section: SectionReader,
): Stage {
  const kind = Object.hasOwn(kinds, type) ? kinds[type] : undefined;
  if (!kind)
    throw new VeneerError(
      'invalid_artifact',
      `compiled tokenizer: ${prefix} of type ${JSON.stringify(type)} is unknown; update this program`,
    );
  return kind.open(config as never, (sectionKind, name) => section(sectionKind, `${prefix}.${name}`));
}

/** The token as it stands in normalized text. */
function normalized(token: AddedToken, normalize: readonly Rewrite[]): AddedToken {
  const draft = new Draft();
  draft.text.decode(token.content, 0, token.content.length);
  for (const rewrite of normalize) rewrite(draft);
  return { ...token, content: textOf(draft) };
}

function textOf({ text }: Draft) {
  let string = '';
  for (let i = 0; i < text.length; i++) string += String.fromCodePoint(text.points[i]!);
  return string;
}

/** Makes the cuts of the normalized text spans; false where there are none. */
function pushCuts(draft: Draft, cuts: readonly Cut[] | undefined) {
  if (!cuts) return false;
  // From UTF-16 units of the normalized text to its characters.
  const { points } = draft.text;
  let [index, unit] = [0, 0];
  const indexOf = (wanted: number) => {
    if (wanted < unit) [index, unit] = [0, 0];
    for (; unit < wanted; index++) unit += points[index]! > 0xffff ? 2 : 1;
    return index;
  };
  for (const { from, to, id } of cuts) draft.spans.push(indexOf(from), indexOf(to), id);
  return true;
}
