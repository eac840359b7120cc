/** The runs under a place of the store, the best first, as their manifests tell. */
import { parseDocument } from '../../functions/artifacts/document.ts';
import { AdapterManifest } from '../../functions/artifacts/manifests.ts';
import { VeneerError } from '../../functions/error.ts';
import { mainMetrics } from '../../functions/gates.ts';
import type { Store } from '../../functions/store/store.ts';
import { checkpointFiles } from '../resume.ts';
import { RunManifest, runFiles } from '../run-directory.ts';

export interface CollectedRun {
  name: string;
  out: string;
  status: 'finished' | 'unfinished';
  /** The main metric as served; as trained, where the method is not served. */
  score?: number | undefined;
  metric?: string;
  manifest?: AdapterManifest | RunManifest;
}

const files: readonly string[] = ['manifest.json', runFiles.manifest, checkpointFiles.newest];

/** @throws VeneerError where the store has no run there, or runs of more than one task. */
export async function collectRuns(store: Store): Promise<CollectedRun[]> {
  const names = new Map<string, Set<string>>();
  for await (const key of store.list('')) {
    const [name, file, ...deeper] = key.split('/');
    if (file === undefined || deeper.length > 0 || !files.includes(file)) continue;
    names.set(name!, (names.get(name!) ?? new Set()).add(file));
  }
  if (names.size === 0)
    throw new VeneerError('not_found', `${store.url} holds no run: give what stands before their names`);
  const runs = await Promise.all([...names].map(([name, found]) => readRun(store, name, found)));
  const tasks = new Set(runs.flatMap(({ manifest }) => (manifest ? [manifest.task] : [])));
  if (tasks.size > 1)
    throw new VeneerError('usage', `${store.url}: runs of ${[...tasks].join(' and ')} cannot be ranked`);
  const score = (run: CollectedRun) => run.score ?? Number.NEGATIVE_INFINITY;
  return runs.sort(
    (a, b) =>
      Number(a.status === 'unfinished') - Number(b.status === 'unfinished') ||
      (score(a) === score(b) ? (a.name < b.name ? -1 : 1) : score(b) - score(a)),
  );
}

async function readRun(store: Store, name: string, found: ReadonlySet<string>): Promise<CollectedRun> {
  const out = `${store.url}/${name}`;
  const file = found.has('manifest.json') ? 'manifest.json' : runFiles.manifest;
  const document = found.has(file) ? await store.get(`${name}/${file}`) : undefined;
  if (!document) return { name, out, status: 'unfinished' };
  const manifest: AdapterManifest | RunManifest =
    file === runFiles.manifest
      ? parseDocument(RunManifest, document.bytes, `${out}/${file}`)
      : parseDocument(AdapterManifest, document.bytes, `${out}/${file}`);
  const metric = mainMetrics[manifest.task](manifest.problem);
  const { served, trained } = manifest.metrics;
  return { name, out, status: 'finished', score: served[metric] ?? trained[metric], metric, manifest };
}
