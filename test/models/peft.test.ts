/**
 * PEFT directories by family: what is exported reads back as the adapter it was, and what cannot be served or loaded is
 * refused by name. That PEFT's own files give PEFT's logits is in families.test.ts.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { writeAdapter } from '../../functions/artifacts/adapter.ts';
import type { AdapterManifest, Head } from '../../functions/artifacts/manifests.ts';
import { dequantized } from '../../trainer/peft/dequantize.ts';
import { readPeftDirectory } from '../../trainer/peft/read.ts';
import { peftExport } from '../../trainer/peft/write.ts';
import { adapterTensors } from '../engine/rows.ts';
import { type FamilyBases, goldenFamilies, openFamily, readGolden } from './golden-family.ts';

const exported = goldenFamilies.filter(family => family !== 'ernie_m' && family !== 'modernbert');
const heads: [name: string, task: AdapterManifest['task'], head: Head][] = [
  ['first token, dense', 'classification', { kind: 'pooled', pooling: 'cls', dense: true }],
  ['mean, dense', 'classification', { kind: 'pooled', pooling: 'mean', dense: true }],
  ['mean', 'classification', { kind: 'pooled', pooling: 'mean', dense: false }],
  ['token', 'sequence-labeling', { kind: 'token' }],
  ['answer', 'question-answering', { kind: 'token' }],
];
const modules = ['v', 'o', 'd'] as const;

const opened = new Map<string, FamilyBases>();
beforeAll(async () => {
  for (const family of goldenFamilies) {
    opened.set(family, await openFamily(readGolden(family)));
    await opened.get(family)!.base('fp32');
  }
});
afterAll(() => Promise.all([...opened.values()].map(family => family.remove())));

/** An adapter of random numbers as `export` writes it. */
async function exportOf(family: string, task: AdapterManifest['task'], head: Head) {
  const { manifest: base } = await opened.get(family)!.base('fp32');
  const labels = task === 'sequence-labeling' ? ['O', 'B-x', 'I-x'] : ['a', 'b', 'c'];
  const names = task === 'question-answering' ? ['start', 'end'] : labels;
  const spec = { seed: 6, rank: 3, modules, labels: names.length, head, quantization: 'float32' } as const;
  // Question answering has a last layer of its own name.
  const tensors = new Map(
    [...adapterTensors(base.config, spec)].map(([name, tensor]) => [
      task === 'question-answering' ? name.replace('.classifier.', '.qa_outputs.') : name,
      tensor,
    ]),
  );
  const file = writeAdapter(tensors, 'float32');
  const manifest = {
    ...{ base, task, labels: names, head, maxLength: 20, stride: 5, unanswerable: false },
    lora: { rank: 3, alpha: 5, targetModules: modules },
  } as unknown as AdapterManifest;
  return { file, ...peftExport(manifest, base, dequantized(file, 'adapter')) };
}

type Files = ReadonlyMap<string, Uint8Array | string>;

/** The files with one of JSON edited. */
function edited(files: Files, name: string, edit: (json: Record<string, unknown>) => object): Files {
  const json = JSON.parse(new TextDecoder().decode(files.get(name) as Uint8Array));
  return new Map([...files, [name, JSON.stringify(edit(json))]]);
}

let directories = 0;
async function readBack(family: string, files: Files) {
  const { folder, store } = opened.get(family)!;
  const directory = join(folder, `read-${directories++}`);
  await mkdir(directory);
  for (const [name, bytes] of files) await writeFile(join(directory, name), bytes);
  const options = { base: 'fp32', quantization: 'float32', cacheDir: folder } as const;
  return readPeftDirectory(store, directory, options, () => {});
}

describe.each(exported)('%s', family => {
  test.each(heads)('an export reads back as the adapter it was: %s head', async (_, task, head) => {
    const { file, files } = await exportOf(family, task, head);
    const { manifest, files: again } = await readBack(family, files);
    expect(Buffer.from(again['adapter.safetensors'])).toEqual(Buffer.from(file));
    expect(manifest).toMatchObject({ task, head, lora: { rank: 3, alpha: 5, targetModules: [...modules] } });
  });

  test('config.json of an export is that of the base', async () => {
    const { files } = await exportOf(family, ...(heads[0]!.slice(1) as [AdapterManifest['task'], Head]));
    const config = JSON.parse(new TextDecoder().decode(files.get('config.json') as Uint8Array));
    expect(readGolden(family).config).toMatchObject(
      Object.fromEntries(
        Object.entries(config).filter(
          ([name]) => !['architectures', 'id2label', 'label2id', 'veneer'].includes(name),
        ),
      ),
    );
  });
});

test.each(['ernie_m', 'modernbert'])('adapters of %s are not exported', async family => {
  await expect(exportOf(family, 'sequence-labeling', { kind: 'token' })).rejects.toThrow(
    `adapters of ${family} bases cannot be exported, only of bert, roberta`,
  );
});

test("ModernBERT's own head is refused, a plain one that config.json states is not", async () => {
  const modernbert = opened.get('modernbert')!;
  await expect(modernbert.adapter('fp32', {})).rejects.toThrow(
    /LayerNorm before the classifier.*veneer\.head/,
  );
  const { manifest } = await modernbert.adapter('fp32');
  expect(manifest.lora?.targetModules).toEqual(['q', 'k', 'v', 'o', 'u', 'd']);
});

test('a dense layer that was not trained and is no part of the base is named', async () => {
  const { files } = await exportOf('roberta', 'classification', {
    kind: 'pooled',
    pooling: 'mean',
    dense: false,
  });
  const unstated = edited(files, 'config.json', ({ veneer: _, ...plain }) => plain);
  await expect(readBack('roberta', unstated)).rejects.toThrow(
    /does not train classifier\.dense.*modules_to_save=\["classifier"\]/,
  );
});

test('a target that the family does not have is named with those that it has', async () => {
  const { files } = await exportOf('distilbert', 'sequence-labeling', { kind: 'token' });
  const changed = edited(files, 'adapter_config.json', json => ({ ...json, target_modules: ['query'] }));
  await expect(readBack('distilbert', changed)).rejects.toThrow(
    /target_modules has query.*transformer\.layer\.0\.attention\.q_lin/,
  );
});
