/** `pull-base`: builds a base artifact in the store. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Command, Option } from 'commander';
import { publishBase } from '../../functions/artifacts/bases.ts';
import { BaseName } from '../../functions/artifacts/names.ts';
import { VeneerError } from '../../functions/error.ts';
import type { Store } from '../../functions/store/store.ts';
import { buildBase } from '../base/build.ts';
import { type PrecisionName, precisions } from '../base/precision.ts';
import { measureProbes, readProbeData } from '../base/probe.ts';
import { locateBase } from '../base/source.ts';
import { openSharedStore, outputOf, type SharedOptions, shared } from './command.ts';

export interface PullOptions {
  /** Catalog name, directory or hub id. */
  wanted: string;
  name?: string;
  precision?: PrecisionName;
  force: boolean;
  /** Whether to measure what the precision costs in task quality; some seconds. */
  probe?: boolean;
}

export async function pullBase(
  store: Store,
  { wanted, name, precision = 'int8', force, probe = true }: PullOptions,
  log: (line: string) => void,
): Promise<{ base: string; digest: string }> {
  const workDirectory = await mkdtemp(join(tmpdir(), 'veneer-base-'));
  try {
    const source = await locateBase(wanted, workDirectory, log);
    const chosen = BaseName.safeParse(name ?? source.name);
    if (!chosen.success)
      throw new VeneerError('usage', `--name ${name ?? source.name}: ${chosen.error.issues[0]?.message}`);
    const built = await buildBase(chosen.data, source, precision);
    const data = probe ? await readProbeData() : undefined;
    const manifest = data ? { ...built.manifest, probes: await measureProbes(built, data) } : built.manifest;
    const { created } = await publishBase(store, manifest, built.files, { force });
    const { cosineMean, cosineMin } = manifest.fidelity;
    log(
      `${manifest.name}: ${precision}, cosine to float32 ${cosineMean.toFixed(4)} (least ${cosineMin.toFixed(4)})`,
    );
    for (const { metric, float32, served } of Object.values(manifest.probes ?? {}))
      log(`${manifest.name}: ${metric} ${served.toFixed(4)}, in float32 ${float32.toFixed(4)}`);
    log(`${manifest.name}: ${created ? 'built' : 'already there'} in ${store.url}`);
    return { base: manifest.name, digest: manifest.digest };
  } finally {
    await rm(workDirectory, { recursive: true, force: true });
  }
}

export function pullBaseCommand(program: Command): void {
  shared(program.command('pull-base'))
    .description(
      'build a base model artifact in the store from a catalog name, a Hugging Face directory, or a hub id',
    )
    .argument('<base>', 'catalog name (minilm-l6), directory, or hub id owner/model')
    .option('--name <name>', 'name in the store, instead of the one the source suggests')
    .addOption(
      new Option('--precision <precision>', 'how the weights are stored and served')
        .choices(Object.keys(precisions))
        .default('int8'),
    )
    .option('--force', 'replace another model of the same name, and damaged files', false)
    .action(
      async (
        wanted: string,
        options: SharedOptions & { name?: string; precision: PrecisionName; force: boolean },
      ) => {
        const output = outputOf(options);
        const store = await openSharedStore(options);
        const result = await pullBase(store, { wanted, ...options }, output.log);
        output.result(result, `${result.base} ${result.digest}`);
      },
    );
}
