/** `export`: writes an adapter, from a directory or from the store, in a format that other programs load. */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { checkBase } from '../../functions/adapters.ts';
import { readAdapter } from '../../functions/artifacts/adapter.ts';
import { readBase } from '../../functions/artifacts/bases.ts';
import { sha256 } from '../../functions/artifacts/digest.ts';
import type { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import { parseReference } from '../../functions/artifacts/names.ts';
import { loadVersion, resolveReference } from '../../functions/artifacts/versions.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import { makeDirectory, readAdapterDirectory, replaceFile } from '../adapter-directory.ts';
import { dequantized } from '../peft/dequantize.ts';
import { peftExport } from '../peft/write.ts';
import { openSharedStore, outputOf, type SharedOptions, shared } from './command.ts';

export interface ExportOptions {
  /** Directory of a trained adapter or, where a tenant is given, a reference in the store. */
  adapter: string;
  tenant?: string;
  out: string;
}

interface Stored {
  manifest: AdapterManifest;
  digest: string;
  file: Uint8Array;
}

async function locate(store: Store, { adapter, tenant }: ExportOptions): Promise<Stored> {
  if (tenant === undefined) {
    const { manifest, manifestBytes, files } = await readAdapterDirectory(adapter);
    return { manifest, digest: sha256(manifestBytes), file: files['adapter.safetensors'] };
  }
  const reference = parseReference(adapter);
  const digest = await resolveReference(store, tenant, reference);
  const { manifest, files } = await loadVersion(store, tenant, reference.name, digest);
  return { manifest, digest, file: files['adapter.safetensors'] };
}

export async function exportAdapter(
  store: Store,
  options: ExportOptions,
  log: (line: string) => void,
): Promise<{ out: string; digest: string; files: string[] }> {
  const { out } = options;
  const { manifest, digest, file } = await locate(store, options);
  const base = await readBase(store, manifest.base.name);
  checkBase(manifest.base, base, options.adapter);
  readAdapter(file, { manifest, digest, config: base.config });
  const { files, warning } = peftExport(manifest, base, dequantized(file, `adapter ${digest.slice(0, 12)}`));
  await makeDirectory(out);
  if ((await readdir(out)).length > 0)
    throw new VeneerError('usage', `--out ${out} is not empty: name a directory that is new or empty`);
  for (const [name, bytes] of files) await replaceFile(join(out, name), bytes);
  if (warning !== undefined) log(`warning: ${warning}`);
  return { out, digest, files: [...files.keys()].sort() };
}

export function exportCommand(program: Command): void {
  shared(program.command('export'))
    .description('write an adapter as a directory that PEFT loads')
    .argument(
      '<adapter>',
      'directory of trainer train, or a reference (name, name@alias, name@sha256:...) with --tenant',
    )
    .requiredOption('--out <directory>', 'where the files go; new or empty')
    .option('--tenant <tenant>', 'whose adapter the reference means')
    .addOption(new Option('--format <format>', 'what is written').choices(['peft']).default('peft'))
    .action(async (adapter: string, flags: SharedOptions & { out: string; tenant?: string }) => {
      const output = outputOf(flags);
      const store = await openSharedStore(flags);
      const result = await exportAdapter(store, { ...flags, adapter }, output.log);
      output.result(result, `${result.out}: ${result.files.join(', ')}`);
    });
}
