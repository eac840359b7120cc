/**
 * Directories that PEFT wrote (golden/, by peft_dirs.py), read, pushed and served: the logits are PyTorch's. What is
 * refused: refusals.test.ts.
 */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import { headNames, loraNames } from '../../functions/artifacts/modules.ts';
import { float32, type Tensor, type TensorData } from '../../functions/artifacts/safetensors.ts';
import { publish } from '../../functions/publish.ts';
import { type Change, cases, changedCopy, type ReadOptions, readPeft } from './directories.ts';
import { type GoldenBase, golden, openGoldenBase, tensorsOf } from './golden-base.ts';

let opened: GoldenBase;
beforeAll(async () => {
  opened = await openGoldenBase();
});
afterAll(() => opened.close());

const read = (directory: string, options?: ReadOptions) => readPeft(opened, directory, options);
const changed = (name: (typeof cases)[number], change: Change) => changedCopy(opened, name, change);

const ints = ({ data }: Tensor) => new Int32Array(new Uint8Array(data).buffer);
const largest = (values: Iterable<number>) => Math.max(...Array.from(values, Math.abs));

/** Rows of the recorded batch without padding, and the logits that PyTorch has for them. */
async function recordedRows(name: string) {
  const tensors = await tensorsOf(golden(`${name}/logits.safetensors`));
  const [ids, mask, types] = ['input_ids', 'attention_mask', 'token_type_ids'].map(key =>
    ints(tensors.get(key)!),
  );
  const [rows, tokens] = tensors.get('input_ids')!.shape as [number, number];
  const logits = tensors.get('logits')!;
  const values = float32(logits);
  const perToken = logits.shape.length === 3;
  return Array.from({ length: rows }, (_, row) => {
    const length = mask!.subarray(row * tokens, (row + 1) * tokens).reduce((a, b) => a + b, 0);
    const width = values.length / rows;
    const kept = perToken ? (width / tokens) * length : width;
    return {
      window: {
        ids: ids!.slice(row * tokens, row * tokens + length),
        typeIds: types!.slice(row * tokens, row * tokens + length),
        ...{ position: 1, first: 0, count: length - 2 },
      },
      logits: values.subarray(row * width, row * width + kept),
    };
  });
}

async function served(name: string, quantization: AdapterManifest['quantization']) {
  const adapter = await read(golden(name), { quantization });
  const options = { tenant: 'acme', name, alias: quantization, minMetrics: {} };
  await publish(opened.store, adapter, options);
  const resident = await opened.load('acme', `${name}@${quantization}`);
  const recorded = await recordedRows(name);
  const rows = recorded.map(({ window }) => ({ window, adapter: resident }));
  const actual = (await opened.base.engine.run(rows)).flatMap(row => [...row]);
  return { actual, expected: recorded.flatMap(({ logits }) => [...logits]) };
}

describe('a directory that PEFT wrote', () => {
  test.each(cases)('%s: is served with the logits of PyTorch', async name => {
    const { actual, expected } = await served(name, 'float32');
    expect(actual.length).toBe(expected.length);
    // float32 against float64, relative to the largest.
    expect(largest(actual.map((value, i) => value - expected[i]!)) / largest(expected)).toBeLessThan(1e-5);
  });

  test.each(cases)('%s: keeps the direction of its logits as int8', async name => {
    const { actual, expected } = await served(name, 'int8');
    const dot = (a: number[], b: number[]) => a.reduce((sum, value, i) => sum + value * b[i]!, 0);
    const cosine = dot(actual, expected) / Math.sqrt(dot(actual, actual) * dot(expected, expected));
    expect(cosine).toBeGreaterThan(0.99);
    expect(cosine).toBeLessThan(1);
  });

  test('says in its manifest what was read, and from what', async () => {
    const { manifest, log } = await read(golden('pooler-trained'), { quantization: 'int8', maxLength: 24 });
    expect(manifest).toMatchObject({
      task: 'classification',
      labels: ['late', 'broken', 'praise'],
      base: { name: 'golden', digest: opened.base.manifest.digest },
      head: { kind: 'pooled', pooling: 'cls', dense: true },
      // Rank-stabilized: alpha / sqrt(4) is what alpha' / 4 must be.
      lora: { rank: 4, alpha: 6, targetModules: ['q', 'v'] },
      ...{ quantization: 'int8', maxLength: 24, stride: 6 },
      metrics: { trained: {}, served: {} },
      training: { engine: 'peft', dataset: expect.stringMatching(/^[0-9a-f]{64}$/) },
    });
    expect(log).toEqual([]);
  });

  test('is read twice as the same bytes', async () => {
    expect(await read(golden('one-layer'))).toEqual(await read(golden('one-layer')));
  });

  test('reads tasks, modules and labels of the other kinds', async () => {
    const [frozen, one, pattern] = await Promise.all(
      cases.slice(1).map(async name => (await read(golden(name))).manifest),
    );
    expect(frozen!.lora?.targetModules).toEqual(['q', 'k', 'v', 'o', 'u', 'd']);
    expect(one).toMatchObject({ task: 'sequence-labeling', lora: { targetModules: ['q', 'o'] } });
    expect(one!.labels).toEqual(['O', 'B-x', 'I-x']);
    expect(pattern).toMatchObject({ task: 'question-answering', lora: { targetModules: ['u', 'd'] } });
    expect(pattern).toMatchObject({ labels: ['start', 'end'], unanswerable: false });
    expect((await read(golden('pattern'), { unanswerable: true })).manifest.unanswerable).toBe(true);
  });

  test('of question answering is told that PEFT may have trained it without token types', async () => {
    expect((await read(golden('pattern'))).log).toEqual([
      expect.stringMatching(/^warning: PEFT drops token_type_ids/),
    ]);
    const plain = await read(await changed('pattern', { config: { task_type: null } }));
    expect(plain.log).toEqual([]);
    expect(plain.manifest.task).toBe('question-answering');
  });
});

const query = loraNames('bert', 0, 'q');
const head = headNames('bert', 'classification');
const rename = (from: string, to: string) => (tensors: Map<string, TensorData>) => {
  tensors.set(to, tensors.get(from)!);
  tensors.delete(from);
};

describe('names of older versions', () => {
  test.each([
    ['.modules_to_save.', 'base_model.model.classifier.modules_to_save.weight'],
    ['.modules_to_save.default.', 'base_model.model.classifier.modules_to_save.default.weight'],
    ["the adapter's own", 'base_model.model.classifier.default.weight'],
  ])('%s is read as the same tensor', async (_, name) => {
    const directory = await changed('pooler-trained', { tensors: rename(head.weight, name) });
    expect((await read(directory)).files).toEqual((await read(golden('pooler-trained'))).files);
  });

  test('of LoRA matrices are read as well', async () => {
    const tensors = rename(query.a, query.a.replace('.weight', '.default.weight'));
    const directory = await changed('pooler-trained', { tensors });
    expect((await read(directory)).files).toEqual((await read(golden('pooler-trained'))).files);
  });
});

describe('labels', () => {
  test('come from --labels before config.json', async () => {
    const labels = join(opened.folder, 'labels.txt');
    await writeFile(labels, 'one\r\ntwo\nthree\n');
    expect((await read(golden('pooler-trained'), { labels })).manifest.labels).toEqual([
      'one',
      'two',
      'three',
    ]);
  });

  test('are LABEL_0 and so on where nothing says them, with a warning', async () => {
    const { manifest, log } = await read(await changed('pooler-trained', { model: null }));
    expect(manifest.labels).toEqual(['LABEL_0', 'LABEL_1', 'LABEL_2']);
    expect(log).toEqual([expect.stringMatching(/^warning: .*id2label.*--labels/)]);
  });

  test.each([
    ['too few', 'pooler-trained', { 0: 'a', 1: 'b' }, /id2label: 2 labels, but the head has 3 rows/],
    ['with a gap', 'pooler-trained', { 0: 'a', 1: 'b', 3: 'c' }, /id2label has no 2/],
    ['twice the same', 'pooler-trained', { 0: 'a', 1: 'b', 2: 'a' }, /label a stands there twice/],
    ['empty', 'pooler-trained', { 0: 'a', 1: '', 2: 'c' }, /a label is empty/],
    ['not tags', 'one-layer', { 0: 'O', 1: 'LABEL_1', 2: 'I-x' }, /LABEL_1 is no IOB2 tag/],
    ['of IOB1', 'one-layer', { 0: 'O', 1: 'B-y', 2: 'I-x' }, /I-x needs a tag B-x/],
    ['without O', 'one-layer', { 0: 'B-y', 1: 'B-x', 2: 'I-x' }, /tag O is missing/],
  ] as const)('%s are refused', async (_, name, id2label, message) => {
    await expect(read(await changed(name, { model: { id2label } }))).rejects.toThrow(message);
  });

  test('of a sequence labeling adapter must be known', async () => {
    await expect(read(await changed('one-layer', { model: null }))).rejects.toThrow(
      /LABEL_0 is no IOB2 tag.*--labels/,
    );
  });
});

describe('harmless fields', () => {
  test.each([
    ['patterns that repeat what all have', { rank_pattern: { query: 4 }, alpha_pattern: { value: 3 } }],
    ['dropout', { lora_dropout: 0.3 }],
    ['fields that are not set', { use_dora: false, layer_replication: [], trainable_token_indices: null }],
    ['layers that are all', { layers_to_transform: [0, 1] }],
    ['an initialization that leaves the base as it was', { init_lora_weights: 'gaussian' }],
    ['an expression that JavaScript lacks', { target_modules: '(?P<all>.*)\\.self\\.(query|value)' }],
  ])('%s', async (_, config) => {
    const { files } = await read(await changed('pooler-trained', { config }));
    expect(files).toEqual((await read(golden('pooler-trained'))).files);
  });
});
