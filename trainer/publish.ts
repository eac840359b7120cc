/**
 * Pushes a finished adapter: gates first, then the version, then the alias, each step leaving the store whole. The alias
 * only moves if it is still what it was when the push began.
 */

import { readBase } from '../functions/artifacts/bases.ts';
import type { Metrics } from '../functions/artifacts/manifests.ts';
import { publishVersion, readAlias, setAlias } from '../functions/artifacts/versions.ts';
import { VeneerError } from '../functions/error.ts';
import type { Store } from '../functions/store/store.ts';
import { type AdapterDirectory, residentOf } from './adapter-directory.ts';
import { trainingTasks } from './tasks/tasks.ts';

export interface Gates {
  /** Least value of served metrics, by name. */
  minMetrics: Readonly<Record<string, number>>;
  /** Most that the main metric may lose by quantization, as a fraction (metrics in percent are divided by 100). */
  maxDrop?: number;
}

export interface PublishOptions extends Gates {
  tenant: string;
  name: string;
  alias: string;
}

export async function publish(
  store: Store,
  directory: AdapterDirectory,
  { tenant, name, alias, ...gates }: PublishOptions,
): Promise<{ tenant: string; name: string; digest: string; alias: string; created: boolean }> {
  checkGates(directory, gates);
  // What could not be served must not become what an alias says.
  residentOf(directory, await readBase(store, directory.manifest.base.name));
  const standing = (await readAlias(store, { tenant, name, alias })) ?? null;
  const { manifestBytes, files } = directory;
  const { digest, created } = await publishVersion(store, { tenant, name, manifest: manifestBytes, files });
  await setAlias(store, { tenant, name, alias, digest, expect: standing });
  return { tenant, name, digest, alias, created };
}

function checkGates(
  { manifest: { task, problem, metrics } }: AdapterDirectory,
  { minMetrics, maxDrop }: Gates,
): void {
  for (const [metric, least] of Object.entries(minMetrics)) {
    const value = metrics.served[metric];
    if (value === undefined)
      throw new VeneerError(
        'gate_failed',
        `--min-metric ${metric}: the manifest has ${namesOf(metrics.served)}; train with a dev or test split`,
      );
    if (!(value >= least))
      throw new VeneerError(
        'gate_failed',
        `${metric} is ${value} as served, under --min-metric ${least}: not pushed`,
      );
  }
  if (maxDrop === undefined) return;
  const mainMetric = trainingTasks[task].mainMetric(problem);
  const [trained, served] = [metrics.trained[mainMetric], metrics.served[mainMetric]];
  if (trained === undefined || served === undefined)
    throw new VeneerError(
      'gate_failed',
      `--max-drop: the manifest has no ${mainMetric}; train with a dev or test split`,
    );
  const drop = (trained - served) / (task === 'question-answering' ? 100 : 1);
  if (drop > maxDrop)
    throw new VeneerError(
      'gate_failed',
      `${mainMetric} falls from ${trained} (float32) to ${served} (as served), by more than --max-drop ${maxDrop}: not pushed`,
    );
}

function namesOf(metrics: Metrics): string {
  return Object.keys(metrics).join(', ') || 'no served metrics';
}
