/** A family of test/golden/families as bases in a store, and its golden tensors. */
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type ResidentAdapter, readAdapter } from '../../functions/artifacts/adapter.ts';
import { baseFile, readBase } from '../../functions/artifacts/bases.ts';
import type { Head } from '../../functions/artifacts/manifests.ts';
import { readSafetensors, type Tensor, writeSafetensors } from '../../functions/artifacts/safetensors.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';
import type { Window } from '../../functions/tasks/windows.ts';
import type { PrecisionName } from '../../trainer/base/precision.ts';
import { pullBase } from '../../trainer/commands/pull-base.ts';
import { readPeftDirectory } from '../../trainer/peft/read.ts';
import type { TestBase } from '../engine/base.ts';
import { writeTinyBase } from '../tiny-base.ts';

export const goldenFamilies = [
  'bert',
  'roberta',
  'xlm-roberta',
  'camembert',
  'distilbert',
  'electra',
  'mpnet',
  'ernie',
  'ernie_m',
  'modernbert',
];

export const goldenPath = (name: string) =>
  fileURLToPath(new URL(`../golden/families/${name}`, import.meta.url));

export interface Golden {
  family: string;
  lengths: number[];
  /** config.json and adapter_config.json, as transformers and PEFT write them. */
  config: Record<string, unknown>;
  adapterConfig: Record<string, unknown>;
  tensors: ReadonlyMap<string, Tensor>;
  head: Head;
}

export function readGolden(family: string): Golden {
  const file = `${family}.safetensors`;
  const isPlain = family === 'modernbert';
  return {
    family,
    ...JSON.parse(readFileSync(goldenPath(`${family}.json`), 'utf8')),
    tensors: readSafetensors(readFileSync(goldenPath(file)), file),
    head: { kind: 'pooled', pooling: isPlain ? 'mean' : 'cls', dense: !isPlain },
  };
}

const ints = ({ data }: Tensor) => new Int32Array(new Uint8Array(data).buffer);

/** The recorded batch without its padding. */
export function windowsOf({ lengths, tensors }: Golden): Window[] {
  const ids = ints(tensors.get('input_ids')!);
  const types = tensors.has('token_type_ids')
    ? ints(tensors.get('token_type_ids')!)
    : new Int32Array(ids.length);
  const tokens = ids.length / lengths.length;
  return lengths.map((length, row) => {
    const [from, to] = [row * tokens, row * tokens + length];
    return { ids: ids.slice(from, to), typeIds: types.slice(from, to), position: 0, first: 0, count: length };
  });
}

/** The checkpoint's tensors, named as in a task model. */
export function checkpointOf({ tensors }: Golden): Map<string, Tensor> {
  return new Map(
    [...tensors].flatMap(([name, tensor]) =>
      name.startsWith('base:') ? [[name.slice('base:'.length), tensor] as const] : [],
    ),
  );
}

export interface FamilyBases {
  folder: string;
  store: Store;
  base(precision: PrecisionName): Promise<TestBase>;
  /** The golden adapter as PEFT's directory, read for a base. */
  adapter(precision: PrecisionName, files?: Record<string, string>): Promise<ResidentAdapter>;
  remove(): Promise<void>;
}

/** Writes the checkpoint as a Hugging Face directory, with a tokenizer whose tokens the vocabulary has. */
async function writeSource(directory: string, golden: Golden): Promise<string> {
  const source = await writeTinyBase(directory);
  const { vocab_size: size } = golden.config;
  const tokenizer = JSON.parse(await readFile(join(source, 'tokenizer.json'), 'utf8'));
  const known = Object.entries(tokenizer.model.vocab).filter(([, id]) => (id as number) < Number(size));
  tokenizer.model.vocab = Object.fromEntries(known);
  await writeFile(join(source, 'tokenizer.json'), JSON.stringify(tokenizer));
  await writeFile(join(source, 'config.json'), JSON.stringify(golden.config));
  await writeFile(join(source, 'model.safetensors'), writeSafetensors(checkpointOf(golden)));
  return source;
}

export async function openFamily(golden: Golden): Promise<FamilyBases> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-family-'));
  const store = openDirectoryStore(join(folder, 'store'));
  const source = await writeSource(join(folder, 'source'), golden);
  let directories = 0;
  const base = async (precision: PrecisionName): Promise<TestBase> => {
    await pullBase(
      store,
      { wanted: source, name: precision, precision, force: false, probe: false },
      () => {},
    );
    const manifest = await readBase(store, precision);
    return {
      store,
      manifest,
      graphPath: variant => baseFile(store, precision, manifest.graphs[variant]!, folder),
      trainingWeights: () => baseFile(store, precision, manifest.trainingWeights, folder),
      remove: async () => {},
    };
  };
  return {
    folder,
    store,
    base,
    async adapter(precision, files = modelConfigOf(golden)) {
      const directory = join(folder, `adapter-${directories++}`);
      await mkdir(directory);
      const own = [...golden.tensors].filter(([name]) => name.startsWith('base_model.'));
      await writeFile(join(directory, 'adapter_model.safetensors'), writeSafetensors(own));
      await writeFile(join(directory, 'adapter_config.json'), JSON.stringify(golden.adapterConfig));
      for (const [name, content] of Object.entries(files)) await writeFile(join(directory, name), content);
      const options = { base: precision, quantization: 'float32', cacheDir: folder } as const;
      const read = await readPeftDirectory(store, directory, options, () => {});
      const { config } = (await base(precision)).manifest;
      return readAdapter(read.files['adapter.safetensors'], {
        manifest: read.manifest,
        digest: directory,
        config,
      });
    },
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

/** Says which head it is, where that is not the one of transformers' task model. */
function modelConfigOf({ head }: Golden): Record<string, string> {
  return head.kind === 'pooled' && !head.dense ? { 'config.json': JSON.stringify({ veneer: { head } }) } : {};
}
