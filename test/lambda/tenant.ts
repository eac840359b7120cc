/** A store with a base of two layers and, for tenant acme, a key and an adapter of random numbers for each task. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { writeAdapter } from '../../functions/artifacts/adapter.ts';
import { readBase } from '../../functions/artifacts/bases.ts';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import { createKey } from '../../functions/artifacts/keys.ts';
import type { AdapterManifest, BaseManifest, Head } from '../../functions/artifacts/manifests.ts';
import { headNames } from '../../functions/artifacts/modules.ts';
import type { TaskName } from '../../functions/artifacts/names.ts';
import { publishVersion, setAlias } from '../../functions/artifacts/versions.ts';
import type { Store } from '../../functions/store/store.ts';
import { pullBase } from '../../trainer/commands/pull-base.ts';
import { adapterTensors, taskOf } from '../engine/rows.ts';
import { writeTinyBase } from '../tiny-base.ts';

export const tenant = 'acme';

/** Name of the adapter, its head and its labels, by task. */
const kinds: Record<TaskName, { name: string; head: Head; labels: string[] }> = {
  classification: {
    name: 'support',
    head: { kind: 'pooled', pooling: 'mean', dense: false },
    labels: ['parcel', 'praise', 'refund'],
  },
  'sequence-labeling': { name: 'entities', head: { kind: 'token' }, labels: ['O', 'B-PER', 'I-PER'] },
  'question-answering': { name: 'answers', head: { kind: 'token' }, labels: ['start', 'end'] },
};

/** A request of each task: its path and body. */
export const questions: [path: string, body: object][] = [
  ['/v1/classification', { model: 'support', inputs: 'the parcel was late' }],
  ['/v1/sequence-labeling', { model: 'entities', inputs: 'mara lives in oslo' }],
  [
    '/v1/question-answering',
    { model: 'answers', inputs: { question: 'who lives in oslo', context: 'mara lives in oslo' } },
  ],
];

export async function fillStore(store: Store): Promise<{ base: BaseManifest; key: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-tenant-'));
  try {
    // Another base, to measure real cold starts.
    const source = process.env.VENEER_TEST_LAMBDA_BASE || (await writeTinyBase(join(folder, 'tiny')));
    await pullBase(store, { wanted: source, name: 'tiny', force: false, probe: false }, () => {});
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  const base = await readBase(store, 'tiny');
  for (const task of Object.keys(kinds) as TaskName[]) await pushRandom(store, base, { task });
  const { key } = await createKey(store, { tenant, scopes: ['predict'], expiresAt: null });
  return { base, key };
}

/** Publishes a version and returns its digest; `live` points to it unless told otherwise. */
export async function pushRandom(
  store: Store,
  base: BaseManifest,
  {
    task,
    seed = 1,
    name = kinds[task].name,
    live = true,
  }: { task: TaskName; seed?: number; name?: string; live?: boolean },
): Promise<string> {
  const { head, labels } = kinds[task];
  const lora = { rank: 2, alpha: 4, targetModules: ['q' as const, 'v' as const] };
  const random = adapterTensors(base.config, {
    ...{ seed, rank: lora.rank, modules: lora.targetModules, labels: labels.length, head },
    quantization: 'int8',
  });
  // The random ones have the name of a token classifier's head, where this may be a question answerer's.
  const { family } = base.config;
  const [from, to] = [headNames(family, taskOf(head)), headNames(family, task)];
  const renamed = new Map([
    [from.weight, to.weight],
    [from.bias, to.bias],
  ]);
  const tensors = new Map(Array.from(random, ([name, tensor]) => [renamed.get(name) ?? name, tensor]));
  const file = writeAdapter(tensors, 'int8');
  const manifest: AdapterManifest = {
    ...{ formatVersion: 1, task, problem: 'single-label', labels, lora, head, quantization: 'int8' },
    ...{ maxLength: 32, stride: 8, unanswerable: false, metrics: { trained: {}, served: {} } },
    base: { name: base.name, digest: base.digest, tokenizer: base.tokenizer.source.sha256 },
    training: { config: {}, seed, engine: 'none', dataset: '0'.repeat(64) },
    files: { 'adapter.safetensors': { sha256: sha256(file), bytes: file.length } },
  };
  const files = { 'adapter.safetensors': file };
  const { digest } = await publishVersion(store, { tenant, name, manifest: canonicalJson(manifest), files });
  if (live) await setAlias(store, { tenant, name, alias: 'live', digest });
  return digest;
}
