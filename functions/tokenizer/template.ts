/** How a post-processor frames one text and a pair, and whether it trims offsets. Placing tokens is windows.ts. */
import * as z from 'zod/mini';
import { ByteLevel } from './byte-level.ts';
import { parseSpec, unsupported } from './spec.ts';
import type { TemplatePiece } from './tokenizer.ts';

export interface Framing {
  single: TemplatePiece[];
  pair: TemplatePiece[];
  /** Leave white space out of the tokens' offsets (tokens.ts). */
  trim?: { keepFirst: boolean };
}

const typeId = z.int().check(z.nonnegative());
const Piece = z.union([
  z.strictObject({ Sequence: z.strictObject({ id: z.enum(['A', 'B']), type_id: typeId }) }),
  z.strictObject({ SpecialToken: z.strictObject({ id: z.string(), type_id: typeId }) }),
]);
const Special = z.strictObject({
  id: z.string(),
  ids: z.array(z.int()),
  tokens: z.array(z.string()),
});
const Template = z.strictObject({
  type: z.literal('TemplateProcessing'),
  single: z.array(Piece),
  pair: z.array(Piece),
  special_tokens: z.record(z.string(), Special),
});

const Token = z.tuple([z.string(), z.int().check(z.nonnegative())]);
const Bert = z.strictObject({ type: z.literal('BertProcessing'), sep: Token, cls: Token });
const Roberta = z.strictObject({
  type: z.literal('RobertaProcessing'),
  sep: Token,
  cls: Token,
  trim_offsets: z.boolean(),
  add_prefix_space: z.boolean(),
});

const Sequence = z.strictObject({
  type: z.literal('Sequence'),
  processors: z.tuple([ByteLevel, z.looseObject({ type: z.string() })]),
});

const special = (id: number, typeId = 0): TemplatePiece => ({ special: id, typeId });
const sequence = (name: 'A' | 'B', typeId = 0): TemplatePiece => ({ sequence: name, typeId });

/** By the post-processor's `type`; a new one is one more line. */
const processors = {
  none: (): Framing => ({ single: [sequence('A')], pair: [sequence('A'), sequence('B', 1)] }),

  TemplateProcessing(json: unknown): Framing {
    const spec = parseSpec(Template, json, 'post_processor');
    const pieces = (template: z.infer<typeof Piece>[]) =>
      template.flatMap(piece => {
        if ('Sequence' in piece) return [sequence(piece.Sequence.id, piece.Sequence.type_id)];
        const { id, type_id } = piece.SpecialToken;
        const token = Object.hasOwn(spec.special_tokens, id) ? spec.special_tokens[id] : undefined;
        if (!token) throw unsupported('post_processor.special_tokens', `${JSON.stringify(id)} is missing`);
        return token.ids.map(tokenId => special(tokenId, type_id));
      });
    return { single: pieces(spec.single), pair: pieces(spec.pair) };
  },

  BertProcessing(json: unknown): Framing {
    const { cls, sep } = parseSpec(Bert, json, 'post_processor');
    const single = [special(cls[1]), sequence('A'), special(sep[1])];
    return { single, pair: [...single, sequence('B', 1), special(sep[1], 1)] };
  },

  RobertaProcessing(json: unknown): Framing {
    const { cls, sep, trim_offsets, add_prefix_space } = parseSpec(Roberta, json, 'post_processor');
    const single = [special(cls[1]), sequence('A'), special(sep[1])];
    return {
      single,
      pair: [...single, special(sep[1]), sequence('B'), special(sep[1])],
      ...(trim_offsets && { trim: { keepFirst: add_prefix_space } }),
    };
  },

  ByteLevel(json: unknown): Framing {
    const { trim_offsets, add_prefix_space } = parseSpec(ByteLevel, json, 'post_processor');
    return { ...processors.none(), ...(trim_offsets && { trim: { keepFirst: add_prefix_space } }) };
  },

  /** ByteLevel, which trims, and one that frames. */
  Sequence(json: unknown): Framing {
    const [first, second] = parseSpec(Sequence, json, 'post_processor').processors;
    const { trim } = processors.ByteLevel(first);
    const framed = framing(second.type, second);
    if (framed.trim) throw unsupported('post_processor.processors.1', 'it trims offsets once more');
    return { ...framed, ...(trim && { trim }) };
  },
};

/** @param type the post-processor's, or `none` */
export function framing(type: string, json: unknown): Framing {
  if (!Object.hasOwn(processors, type))
    throw unsupported('post_processor', `type ${JSON.stringify(type)} is unknown`);
  return processors[type as keyof typeof processors](json);
}
