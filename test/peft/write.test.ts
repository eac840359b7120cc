/**
 * Adapters exported for PEFT: what is written reads back as the very same tensors. That PEFT gives the same logits follows
 * from read.test.ts, where PEFT's own files do, by the same names and the same scale.
 */
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeAdapter } from '../../functions/artifacts/adapter.ts';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import type { AdapterManifest, Head } from '../../functions/artifacts/manifests.ts';
import { headNames, loraNames } from '../../functions/artifacts/modules.ts';
import { float32 } from '../../functions/artifacts/safetensors.ts';
import { publish } from '../../functions/publish.ts';
import { exportAdapter } from '../../trainer/commands/export.ts';
import { type PeftReadOptions, readPeftDirectory } from '../../trainer/peft/read.ts';
import { adapterTensors } from '../engine/rows.ts';
import { writeTraining } from '../methods/random-training.ts';
import { cases } from './directories.ts';
import { type GoldenBase, golden, openGoldenBase, tensorsOf } from './golden-base.ts';

let opened: GoldenBase;
beforeAll(async () => {
  opened = await openGoldenBase();
});
afterAll(() => opened.close());

const read = (directory: string, quantization: PeftReadOptions['quantization']) =>
  readPeftDirectory(
    opened.store,
    directory,
    { base: 'golden', quantization, cacheDir: opened.folder },
    () => {},
  );

let exports = 0;
async function exported(adapter: string, tenant?: string) {
  const out = join(opened.folder, `export-${exports++}`, 'new');
  const log: string[] = [];
  const result = await exportAdapter(
    opened.store,
    { adapter, out, ...(tenant === undefined ? {} : { tenant }) },
    line => log.push(line),
  );
  return { out, log, result };
}

/** A golden directory as version of an adapter, exported and read again. */
async function roundTrip(name: string, quantization: PeftReadOptions['quantization']) {
  const adapter = await read(golden(name), quantization);
  await publish(opened.store, adapter, { tenant: 'acme', name, alias: quantization, minMetrics: {} });
  const { out, log } = await exported(`${name}@${quantization}`, 'acme');
  return { adapter, out, log };
}

const valuesOf = async (path: string) =>
  new Map([...(await tensorsOf(path))].map(([name, tensor]) => [name, float32(tensor).slice()]));

describe('an exported adapter', () => {
  test.each(cases)('%s: reads back as the adapter it was, to the byte', async name => {
    const { adapter, out, log } = await roundTrip(name, 'float32');
    const again = await read(out, 'float32');
    expect(again.files).toEqual(adapter.files);
    expect(again.manifest).toEqual({ ...adapter.manifest, training: expect.anything() });
    expect(log).toEqual([]);
  });

  test.each(cases)('%s: has the numbers of PEFT, where PEFT wrote them in float32', async name => {
    const { out } = await roundTrip(name, 'float32');
    const ours = await valuesOf(join(out, 'adapter_model.safetensors'));
    for (const [tensor, values] of await valuesOf(golden(`${name}/adapter_model.safetensors`)))
      expect(ours.get(tensor), tensor).toEqual(values);
  });

  test.each(cases)(
    '%s: of int8 holds value times scale, and is the same int8 when it is read',
    async name => {
      const { adapter, out } = await roundTrip(name, 'int8');
      const exact = await valuesOf(golden(`${name}/adapter_model.safetensors`));
      for (const [tensor, values] of await valuesOf(join(out, 'adapter_model.safetensors'))) {
        const before = exact.get(tensor);
        if (!before) continue;
        // Half a step of a row whose largest element is 127 steps.
        const largest = Math.max(...before.map(Math.abs));
        values.forEach((value, i) => {
          expect(Math.abs(value - before[i]!)).toBeLessThanOrEqual((largest / 127 / 2) * 1.001);
        });
      }
      const [stored, again] = [adapter, await read(out, 'int8')].map(
        ({ files }) => files['adapter.safetensors'],
      );
      await Promise.all([stored, again].map((file, i) => writeFile(join(opened.folder, `${i}`), file!)));
      const [first, second] = [
        await tensorsOf(join(opened.folder, '0')),
        await tensorsOf(join(opened.folder, '1')),
      ];
      expect([...second.keys()]).toEqual([...first.keys()]);
      for (const [tensor, { dtype, data }] of first)
        if (dtype === 'I8')
          expect(new Int8Array(second.get(tensor)!.data), tensor).toEqual(new Int8Array(data));
    },
  );

  test('says to PEFT and transformers what they need', async () => {
    const { out } = await roundTrip('pooler-frozen', 'int8');
    const json = async (file: string) => JSON.parse(await readFile(join(out, file), 'utf8'));
    const config = await json('adapter_config.json');
    expect(config).toMatchObject({
      ...{ peft_type: 'LORA', task_type: 'SEQ_CLS', r: 2, lora_alpha: 8, bias: 'none' },
      modules_to_save: ['classifier', 'pooler'],
    });
    // A whole-name expression that takes in every adapted layer and none of the rest.
    const target = new RegExp(`^(?:${config.target_modules})$`);
    for (const layer of [0, 1])
      for (const module of ['attention.self.query', 'attention.output.dense', 'output.dense'])
        expect(`bert.encoder.layer.${layer}.${module}`).toMatch(target);
    for (const other of ['bert.pooler.dense', 'classifier', 'bert.encoder.layer.0.output.LayerNorm'])
      expect(other).not.toMatch(target);
    expect(await json('config.json')).toMatchObject({
      ...{ model_type: 'bert', hidden_size: 32, num_hidden_layers: 2, vocab_size: 64 },
      architectures: ['BertForSequenceClassification'],
      id2label: { 0: 'no', 1: 'yes' },
      label2id: { no: 0, yes: 1 },
    });
    expect(await readFile(join(out, 'README.md'), 'utf8')).not.toContain('Mind the head');
  });

  test('of another method says to PEFT how many vectors there are, or which layers are scaled', async () => {
    const config = async (name: string) => {
      const { out } = await roundTrip(name, 'int8');
      return JSON.parse(await readFile(join(out, 'adapter_config.json'), 'utf8'));
    };
    const sizes = { num_layers: 2, num_attention_heads: 4, token_dim: 32, num_transformer_submodules: 1 };
    expect(await config('prompt')).toMatchObject({
      ...{ peft_type: 'PROMPT_TUNING', task_type: 'SEQ_CLS', num_virtual_tokens: 4 },
      ...sizes,
    });
    expect(await config('prefix')).toMatchObject({
      ...{ peft_type: 'PREFIX_TUNING', num_virtual_tokens: 3, prefix_projection: false },
      ...sizes,
    });
    const ia3 = await config('ia3');
    expect(ia3).toMatchObject({ peft_type: 'IA3', task_type: 'TOKEN_CLS', modules_to_save: ['classifier'] });
    const matching = (pattern: string) =>
      ['attention.self.query', 'attention.self.key', 'attention.output.dense', 'output.dense'].filter(
        module => new RegExp(`^(?:${pattern})$`).test(`bert.encoder.layer.1.${module}`),
      );
    expect(matching(ia3.target_modules)).toEqual([
      'attention.self.key',
      'attention.output.dense',
      'output.dense',
    ]);
    expect(matching(ia3.feedforward_modules)).toEqual(['attention.output.dense', 'output.dense']);
  });

  test('with a prompt is refused for question answering, where PEFT drops token types', async () => {
    const training = { task: 'question-answering', head: { kind: 'token' }, method: 'prompt' } as const;
    const directory = await writeTraining(join(opened.folder, 'asked'), opened.base.manifest, training);
    await expect(exported(directory)).rejects.toThrow(/drops the token types .* cannot be exported for PEFT/);
  });

  test('of question answering has no task_type, under which PEFT would drop token types', async () => {
    const { out } = await roundTrip('pattern', 'float32');
    const config = JSON.parse(await readFile(join(out, 'adapter_config.json'), 'utf8'));
    expect(config).toMatchObject({ task_type: null, modules_to_save: ['qa_outputs'] });
  });

  test('adapts output.dense alone, where attention.output.dense ends alike', async () => {
    const { out } = await roundTrip('pattern', 'float32');
    const { target_modules: target } = JSON.parse(await readFile(join(out, 'adapter_config.json'), 'utf8'));
    expect('bert.encoder.layer.1.output.dense').toMatch(new RegExp(`^(?:${target})$`));
    expect('bert.encoder.layer.1.attention.output.dense').not.toMatch(new RegExp(`^(?:${target})$`));
  });
});

/** A directory as trainer train leaves it, with random tensors. */
async function trained(head: Head, changes: Partial<AdapterManifest> = {}): Promise<string> {
  const { manifest: base } = opened.base;
  const spec = { seed: 4, rank: 3, modules: ['q', 'v'], labels: 2, head, quantization: 'float32' } as const;
  const file = writeAdapter(adapterTensors(base.config, spec), 'float32');
  const manifest: AdapterManifest = {
    ...(await read(golden('pooler-frozen'), 'float32')).manifest,
    ...{ head, lora: { rank: 3, alpha: 6, targetModules: ['q', 'v'] } },
    files: { 'adapter.safetensors': { sha256: sha256(file), bytes: file.length } },
    ...changes,
  };
  const directory = join(opened.folder, `trained-${exports++}`);
  await mkdir(directory);
  await writeFile(join(directory, 'adapter.safetensors'), file);
  await writeFile(join(directory, 'manifest.json'), canonicalJson(manifest));
  return directory;
}

describe('a head that transformers does not have', () => {
  test.each<[string, Head, RegExp, string, string]>([
    [
      'mean and dense',
      { kind: 'pooled', pooling: 'mean', dense: true },
      /mean-pooled/,
      'mask.sum(1)',
      'self.bert.pooler(',
    ],
    [
      'mean',
      { kind: 'pooled', pooling: 'mean', dense: false },
      /mean-pooled/,
      'mask.sum(1)',
      'classifier(pooled)',
    ],
    ['cls', { kind: 'pooled', pooling: 'cls', dense: false }, /without a pooler/, 'hidden[:, 0]', 'classifier(pooled)'],
    // biome-ignore format: a table
  ])(
    '%s: is exported with a warning and the class that applies it, and reads back',
    async (_, head, kind, pooled, output) => {
      const directory = await trained(head);
      const { out, log } = await exported(directory);
      expect(log).toEqual([expect.stringMatching(kind)]);
      expect(log[0]).toMatch(/^warning: .*README\.md/);
      const readme = await readFile(join(out, 'README.md'), 'utf8');
      expect(readme).toMatch(kind);
      expect(readme).toContain(pooled);
      expect(readme).toContain(output);
      const again = await read(out, 'float32');
      expect(again.manifest.head).toEqual(head);
      expect(Buffer.from(again.files['adapter.safetensors'])).toEqual(
        await readFile(join(directory, 'adapter.safetensors')),
      );
    },
  );
});

test.each([
  ['multi-label', 'multi_label_classification', { threshold: 0.37 }],
  ['regression', 'regression', {}],
  ['single-label', 'single_label_classification', {}],
] as const)('%s is told to transformers as %s, and read back', async (problem, type, more) => {
  const directory = await trained({ kind: 'pooled', pooling: 'cls', dense: true }, { problem, ...more });
  const { out } = await exported(directory);
  const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
  expect(config.problem_type).toBe(type);
  const { manifest } = await read(out, 'float32');
  expect(manifest.problem).toBe(problem);
  expect(manifest.threshold).toBe('threshold' in more ? more.threshold : undefined);
  delete config.problem_type;
  await writeFile(join(out, 'config.json'), JSON.stringify(config));
  expect((await read(out, 'float32')).manifest.problem).toBe('single-label');
});

test('windows are those it had, unless others are asked for', async () => {
  const { out } = await exported(await trained({ kind: 'pooled', pooling: 'mean', dense: true }));
  const config = JSON.parse(await readFile(join(out, 'config.json'), 'utf8'));
  config.veneer = { ...config.veneer, maxLength: 30, stride: 14 };
  await writeFile(join(out, 'config.json'), JSON.stringify(config));
  expect((await read(out, 'int8')).manifest).toMatchObject({ maxLength: 30, stride: 14 });
  const options = { base: 'golden', quantization: 'int8', cacheDir: opened.folder, maxLength: 20 } as const;
  const { manifest } = await readPeftDirectory(opened.store, out, options, () => {});
  expect(manifest).toMatchObject({ maxLength: 20, stride: 5 });
});

describe('refused', () => {
  test('a directory that holds something, which stays as it was', async () => {
    const out = join(opened.folder, 'full');
    await mkdir(out);
    await writeFile(join(out, 'README.md'), 'mine');
    const adapter = await trained({ kind: 'pooled', pooling: 'cls', dense: true });
    await expect(exportAdapter(opened.store, { adapter, out }, () => {})).rejects.toThrow(
      /--out .*full is not empty/,
    );
    expect(await readdir(out)).toEqual(['README.md']);
    expect(await readFile(join(out, 'README.md'), 'utf8')).toBe('mine');
  });

  test("another tenant's adapter, as one that is not there", async () => {
    await roundTrip('pattern', 'float32');
    await expect(exported('pattern@float32', 'other')).rejects.toThrow(/this tenant has no adapter/);
  });

  test('a head of another task in the config.json of an export', async () => {
    const { out } = await roundTrip('pattern', 'float32');
    const path = join(out, 'config.json');
    const config = JSON.parse(await readFile(path, 'utf8'));
    config.veneer.head = { kind: 'pooled', pooling: 'mean', dense: false };
    await writeFile(path, JSON.stringify(config));
    await expect(read(out, 'float32')).rejects.toThrow(/config\.json: veneer\.head: a pooled head/);
  });
});

test('the names that PEFT reads are those that adapters are stored under', async () => {
  const names = [...(await tensorsOf(golden('pooler-trained/adapter_model.safetensors'))).keys()];
  const { a, b } = loraNames('bert', 1, 'v');
  expect(names).toEqual(
    expect.arrayContaining([a, b, ...Object.values(headNames('bert', 'classification'))]),
  );
});
