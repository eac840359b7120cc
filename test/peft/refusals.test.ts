/** PEFT directories that would be served otherwise than PEFT computes them: each refused in one line that names the fault. */
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { headNames, loraNames } from '../../functions/artifacts/modules.ts';
import type { TensorData } from '../../functions/artifacts/safetensors.ts';
import { type Change, type cases, changedCopy, type ReadOptions, readPeft } from './directories.ts';
import { type GoldenBase, golden, openGoldenBase } from './golden-base.ts';

let opened: GoldenBase;
beforeAll(async () => {
  opened = await openGoldenBase();
});
afterAll(() => opened.close());

const read = (directory: string, options?: ReadOptions) => readPeft(opened, directory, options);
const changed = (name: (typeof cases)[number], change: Change) => changedCopy(opened, name, change);

const query = loraNames('bert', 0, 'q');
const head = headNames('bert', 'classification');
const floats = (shape: number[], fill = 0): TensorData => ({
  dtype: 'F32',
  shape,
  data: new Uint8Array(new Float32Array(shape.reduce((a, b) => a * b, 1)).fill(fill).buffer),
});

describe('refused', () => {
  test.each<[string, object, RegExp]>([
    ['DoRA', { use_dora: true }, /adapter_config\.json: use_dora is set/],
    ['biases of LoRA', { lora_bias: true }, /lora_bias is set/],
    ['trained tokens', { trainable_token_indices: [3] }, /trainable_token_indices is set/],
    ['ranks by layer', { rank_pattern: { query: 2 } }, /rank_pattern gives query 2, the others have 4/],
    ['alphas by layer', { alpha_pattern: { query: 2 } }, /alpha_pattern gives query 2, the others have 3/],
    ['biases of the base', { bias: 'lora_only' }, /bias is lora_only/],
    [
      'another method',
      { peft_type: 'LOHA' },
      /peft_type LOHA cannot be served, only LORA, IA3, PROMPT_TUNING/,
    ],
    [
      'IA3 on queries',
      { peft_type: 'IA3' },
      /target_modules has bert\.encoder\.layer\.0\.attention\.self\.query/,
    ],
    [
      'IA3 that scales what keys read',
      { peft_type: 'IA3', target_modules: ['key'], feedforward_modules: ['key'] },
      /feedforward_modules: bert\.encoder\.layer\.0\.attention\.self\.key is scaled at its input/,
    ],
    ['a prompt of no tokens', { peft_type: 'PROMPT_TUNING', num_virtual_tokens: 0 }, /num_virtual_tokens: /],
    [
      'a prefix for other heads',
      { peft_type: 'PREFIX_TUNING', num_virtual_tokens: 3, num_attention_heads: 8 },
      /num_attention_heads is 8, the base has 4/,
    ],
    [
      'another task',
      { task_type: 'CAUSAL_LM' },
      /task_type CAUSAL_LM: it must be SEQ_CLS, TOKEN_CLS, QUESTION_ANS/,
    ],
    ['no task', { task_type: null }, /task_type is not given/],
    ['a changed base', { init_lora_weights: 'pissa' }, /init_lora_weights is pissa/],
    ['embeddings', { target_modules: ['query', 'word_embeddings'] }, /target_modules has word_embeddings/],
    ['layers that are not there', { layers_to_transform: [1, 2] }, /layers_to_transform has 2.*0 to 1/],
    ['no rank', { r: undefined }, /adapter_config\.json: r: /],
    ['a rank too large', { r: 65 }, /r is 65: ranks from 1 to 64/],
    ['no scale', { lora_alpha: 0 }, /lora_alpha is 0/],
    [
      'more targets than tensors',
      { target_modules: ['query', 'key'] },
      /tensor .*self\.key\.lora_A\.weight is missing/,
    ],
    [
      'fewer targets than tensors',
      { target_modules: ['query'] },
      /tensor .*value\.lora_A\.weight belongs to nothing/,
    ],
    [
      'a layer left out that has tensors',
      { layers_to_transform: 1 },
      /tensor .*layer\.0.* belongs to nothing/,
    ],
    ['targets that match nothing', { target_modules: 'nothing' }, /target_modules names no layer/],
    // biome-ignore format: a table
  ])('%s', async (_, config, message) => {
    const failure = read(await changed('pooler-trained', { config }));
    await expect(failure).rejects.toThrow(message);
    await expect(failure).rejects.toMatchObject({
      code: 'invalid_artifact',
      message: expect.not.stringContaining('\n'),
    });
  });

  test.each<[string, (tensors: Map<string, TensorData>) => unknown, RegExp]>([
    ['a missing matrix', tensors => tensors.delete(query.b), /tensor .*query\.lora_B\.weight is missing/],
    [
      'a missing head',
      tensors => tensors.delete(head.weight),
      /tensor base_model\.model\.classifier\.weight is missing/,
    ],
    ['half a pooler', tensors => tensors.delete(head.denseBias), /tensor .*pooler\.dense\.bias is missing/],
    [
      'a misshapen matrix',
      tensors => tensors.set(query.a, floats([4, 31])),
      /query\.lora_A\.weight has shape \[4,31\], expected \[4,32\]/,
    ],
    [
      'a rank that is not the config’s',
      tensors => tensors.set(query.a, floats([3, 32])),
      /has shape \[3,32\], expected \[4,32\]/,
    ],
    [
      'a bias of other length',
      tensors => tensors.set(head.bias, floats([2])),
      /classifier\.bias has shape \[2\], expected \[3\]/,
    ],
    [
      'a number that is none',
      tensors => tensors.set(query.a, floats([4, 32], Number.NaN)),
      /query\.lora_A\.weight holds a value that is not finite/,
    ],
    [
      'an infinite number',
      tensors => tensors.set(head.bias, floats([3], Number.POSITIVE_INFINITY)),
      /classifier\.bias holds a value that is not finite/,
    ],
    [
      'integers',
      tensors => tensors.set(head.bias, { ...floats([3]), dtype: 'I32' }),
      /classifier\.bias is I32/,
    ],
    [
      'LoRA of the pooler',
      tensors => tensors.set('base_model.model.bert.pooler.dense.lora_A.weight', floats([4, 32])),
      /pooler\.dense\.lora_A\.weight belongs to nothing/,
    ],
    [
      'LoRA of embeddings',
      tensors =>
        tensors.set('base_model.model.bert.embeddings.word_embeddings.lora_embedding_A', floats([4, 64])),
      /lora_embedding_A belongs to nothing/,
    ],
    ['one tensor under two names', tensors => tensors.set('base_model.model.classifier.modules_to_save.weight', floats([3, 32])), /are the same one/],
    // biome-ignore format: a table
  ])('%s', async (_, tensors, message) => {
    await expect(read(await changed('pooler-trained', { tensors }))).rejects.toThrow(message);
  });

  test('a frozen pooler over a base that has none', async () => {
    await expect(read(golden('pooler-frozen'), { base: 'bare' })).rejects.toThrow(
      /base bare has none: train again with modules_to_save/,
    );
    await expect(read(golden('pooler-trained'), { base: 'bare' })).resolves.toBeDefined();
  });

  test('a base that is not in the store', async () => {
    await expect(read(golden('pattern'), { base: 'absent' })).rejects.toThrow(/no base absent/);
  });

  test('a head of question answering with other than two rows', async () => {
    const { weight, bias } = headNames('bert', 'question-answering');
    const tensors = (all: Map<string, TensorData>) => {
      all.set(weight, floats([3, 32])).set(bias, floats([3]));
    };
    await expect(read(await changed('pattern', { tensors }))).rejects.toThrow(/the head has 3 rows/);
  });

  test('windows beyond what the base reads', async () => {
    await expect(read(golden('pattern'), { maxLength: 64 })).rejects.toThrow(
      /--max-length 64: the base takes 32/,
    );
  });

  test('a pickle file, a missing file, and JSON that is none', async () => {
    const directory = await changed('pattern', {});
    await rm(join(directory, 'adapter_model.safetensors'));
    await expect(read(directory)).rejects.toThrow(/adapter_model\.safetensors: cannot be read \(ENOENT\)/);
    await writeFile(join(directory, 'adapter_model.bin'), '');
    await expect(read(directory)).rejects.toThrow(/adapter_model\.bin.*safe_serialization=True/);
    await writeFile(join(directory, 'adapter_config.json'), '{\n"r": }');
    await expect(read(directory)).rejects.toThrow(/adapter_config\.json:2: not valid JSON/);
    await writeFile(join(directory, 'adapter_config.json'), 'null');
    await expect(read(directory)).rejects.toThrow(/adapter_config\.json: /);
  });
});
