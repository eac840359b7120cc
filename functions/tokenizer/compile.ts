/**
 * Turns a Hugging Face tokenizer.json into bytes that are mapped at start instead of parsed. Its truncation, padding
 * and decoder are left out: windows are cut and padded by the tasks, and nothing is decoded.
 */
import * as z from 'zod/mini';
import { VeneerError } from '../error.ts';
import { AddedToken } from './added-tokens.ts';
import { pack, type Section, type SectionWriter } from './format.ts';
import { parseRustJson } from './rust-json.ts';
import { parseSpec, unsupported } from './spec.ts';
import type { ModelType, Rewrite, StageType } from './stage.ts';
import { models, normalizers, preTokenizers } from './stages.ts';
import { type Framing, framing } from './template.ts';

const Part = z.looseObject({ type: z.string() });
type Part = z.infer<typeof Part>;

const TokenizerJson = z.strictObject({
  version: z.optional(z.literal('1.0')),
  truncation: z.unknown(),
  padding: z.nullish(z.looseObject({ pad_id: z.int().check(z.nonnegative()) })),
  added_tokens: z._default(z.array(AddedToken), []),
  normalizer: z.nullish(Part),
  pre_tokenizer: z.nullish(Part),
  post_processor: z.nullish(Part),
  decoder: z.unknown(),
  model: z.pipe(z.transform(typed), Part),
});

/** Older files name no type of model; the Rust library goes by the fields, in this order. */
function typed(model: unknown) {
  if (typeof model !== 'object' || model === null || 'type' in model) return model;
  return { type: 'merges' in model ? 'BPE' : 'unk_token' in model ? 'WordPiece' : 'Unigram', ...model };
}

/** What `open` finds in the directory of the compiled bytes. */
export interface CompiledConfig {
  model: { type: string; config: object };
  normalizers: { type: string; config: object }[];
  preTokenizers: { type: string; config: object }[];
  addedTokens: AddedToken[];
  framing: Framing;
  padId: number;
}

/** @throws VeneerError `invalid_artifact` naming whatever would not be done exactly as the Rust library does it. */
export function compileTokenizer(tokenizerJson: string): Uint8Array {
  const spec = parseSpec(TokenizerJson, parseJson(tokenizerJson), 'tokenizer');
  const sections = new Map<string, Section>();
  const compile = (type: StageType<unknown>, part: Part, prefix: string) => {
    const write: SectionWriter = (name, array) => sections.set(`${prefix}.${name}`, array);
    return { type: part.type, config: type.compile(part, write) };
  };
  const all = (kinds: Record<string, StageType<Rewrite>>, parts: Part[], prefix: string) =>
    parts.map((part, index) => compile(kindOf(kinds, part, prefix), part, `${prefix}${index}`));

  const model: ModelType = kindOf(models, spec.model, 'model');
  const preTokenizerParts = flat(spec.pre_tokenizer, 'pretokenizers');
  const last = model.lastPreTokenizer?.(spec.model);
  if (last && preTokenizerParts.at(-1)?.type !== last)
    throw unsupported('pre_tokenizer', `the last one is not ${last}, and model.unk_token is null`);
  const vocabulary = model.vocabulary(spec.model);
  const addedIds = checkAddedTokens(spec.added_tokens, vocabulary);
  const idOf = (token: string) => addedIds.get(token) ?? vocabulary.ids.get(token);
  const padId = idOf('[PAD]') ?? idOf('<pad>') ?? spec.padding?.pad_id;
  if (padId === undefined) throw unsupported('added_tokens', 'neither [PAD] nor <pad> is there');
  const config: CompiledConfig = {
    model: compile(model, spec.model, 'model'),
    normalizers: all(normalizers, flat(spec.normalizer, 'normalizers'), 'normalizer'),
    preTokenizers: all(preTokenizers, preTokenizerParts, 'pre_tokenizer'),
    addedTokens: spec.added_tokens.filter(token => token.content),
    framing: framing(spec.post_processor?.type ?? 'none', spec.post_processor),
    padId,
  };
  return pack(config, sections);
}

function parseJson(text: string): unknown {
  try {
    return parseRustJson(text);
  } catch (cause) {
    throw new VeneerError(
      'invalid_artifact',
      `tokenizer.json: not JSON (${(cause as Error).message}); download it again`,
      {
        cause,
      },
    );
  }
}

function kindOf<Kind>(kinds: Record<string, Kind>, part: Part, where: string): Kind {
  const kind = Object.hasOwn(kinds, part.type) ? kinds[part.type] : undefined;
  if (!kind) throw unsupported(where, `type ${JSON.stringify(part.type)} is unknown`);
  return kind;
}

/** The parts of a Sequence, which lists them under `key`, or the one part. */
function flat(part: Part | null | undefined, key: 'normalizers' | 'pretokenizers'): Part[] {
  if (!part) return [];
  if (part.type !== 'Sequence') return [part];
  const Sequence = z.strictObject({ type: z.literal('Sequence'), [key]: z.array(Part) });
  return (parseSpec(Sequence, part, 'Sequence')[key] as Part[]).flatMap(inner => flat(inner, key));
}

/** The Rust library gives tokens their id by content, in order; a file that says otherwise would be read differently. */
function checkAddedTokens(tokens: readonly AddedToken[], { ids, size }: ReturnType<ModelType['vocabulary']>) {
  const added = new Map<string, number>();
  let next = size;
  for (const { content, id } of tokens) {
    if (!content || added.has(content)) continue;
    const expected = ids.get(content) ?? next;
    if (expected === next && !ids.has(content)) next++;
    if (expected !== id)
      throw unsupported(
        'added_tokens',
        `${JSON.stringify(content)} has id ${id}, and its place gives ${expected}`,
      );
    added.set(content, id);
  }
  return added;
}
