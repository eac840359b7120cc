/** `export`: writes what was trained, from a directory or from the store, in a format that other programs load. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { checkBase } from '../../functions/adapters.ts';
import { readAdapter } from '../../functions/artifacts/adapter.ts';
import { baseFile, readBase } from '../../functions/artifacts/bases.ts';
import type { BaseManifest } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import { makeDirectory, replaceFile } from '../adapter-directory.ts';
import { onnxExport } from '../export/onnx.ts';
import { peftExport } from '../peft/write.ts';
import { readTrained, type Trained } from '../trained.ts';
import { readWeightsFile } from '../weights.ts';
import { cacheDir, openSharedStore, outputOf, type SharedOptions, shared } from './command.ts';

const formats = ['peft', 'onnx'] as const;
type Format = (typeof formats)[number];

export interface ExportOptions {
  /** Directory of what was trained or, where a tenant is given, a reference in the store. */
  adapter: string;
  tenant?: string;
  out: string;
  /** Left out: PEFT. */
  format?: Format;
}

interface Exported {
  /** In the order in which they are written: what has the last one is whole. */
  files: Map<string, Uint8Array | Uint8Array[]>;
  warning?: string | undefined;
}

const writers: Record<Format, (store: Store, trained: Trained, base: BaseManifest) => Promise<Exported>> = {
  async peft(_store, { name, method, manifest, tensors }, base) {
    if ('quantization' in manifest) return peftExport(manifest, base, tensors);
    throw new VeneerError(
      'usage',
      `${name} was trained by --method ${method.name}: only what is served is exported for PEFT, so say --format onnx`,
    );
  },
  async onnx(store, trained, base) {
    const path = (file: BaseManifest['weights']) => baseFile(store, base.name, file, cacheDir);
    const [weights, tokenizer] = [await path(base.trainingWeights), await path(base.tokenizer.source)];
    return {
      files: await onnxExport({
        ...{ trained, base },
        weights: await readWeightsFile(weights),
        tokenizer: await readFile(tokenizer),
      }),
    };
  },
};

export async function exportAdapter(
  store: Store,
  { out, adapter, tenant, format = 'peft' }: ExportOptions,
  log: (line: string) => void,
): Promise<{ out: string; digest: string; files: string[] }> {
  const trained = await readTrained(store, { adapter, tenant });
  const { manifest, digest, file } = trained;
  const base = await readBase(store, manifest.base.name);
  checkBase(manifest.base, base, adapter);
  if ('cloze' in manifest && manifest.cloze)
    throw new VeneerError(
      'usage',
      `${adapter} was trained by --verbalizer: a template is part of it, which no format of export holds`,
    );
  if (file && 'quantization' in manifest) readAdapter(file, { manifest, digest, config: base.config });
  const { files, warning } = await writers[format](store, trained, base);
  await makeDirectory(out);
  if ((await readdir(out)).length > 0)
    throw new VeneerError('usage', `--out ${out} is not empty: name a directory that is new or empty`);
  for (const [name, bytes] of files) await replaceFile(join(out, name), bytes);
  if (warning !== undefined) log(`warning: ${warning}`);
  return { out, digest, files: [...files.keys()].sort() };
}

export function exportCommand(program: Command): void {
  shared(program.command('export'))
    .description('write what was trained as a directory that PEFT loads, or as an ONNX model by itself')
    .argument(
      '<adapter>',
      'directory of trainer train, or a reference (name, name@alias, name@sha256:...) with --tenant',
    )
    .requiredOption('--out <directory>', 'where the files go; new or empty')
    .option('--tenant <tenant>', 'whose adapter the reference means')
    .addOption(new Option('--format <format>', 'what is written').choices(formats).default('peft'))
    .action(async (adapter: string, flags: SharedOptions & Omit<ExportOptions, 'adapter'>) => {
      const output = outputOf(flags);
      const store = await openSharedStore(flags);
      const result = await exportAdapter(store, { ...flags, adapter }, output.log);
      output.result(result, `${result.out}: ${result.files.join(', ')}`);
    });
}
