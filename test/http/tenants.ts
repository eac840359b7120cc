/** A directory store with two tenants' adapters and keys, and the app over it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openAdapters } from '../../functions/adapters.ts';
import { type FloatTensor, writeAdapter } from '../../functions/artifacts/adapter.ts';
import { canonicalJson, sha256 } from '../../functions/artifacts/digest.ts';
import { createKey } from '../../functions/artifacts/keys.ts';
import type { AdapterManifest, ApiKeyRecord } from '../../functions/artifacts/manifests.ts';
import { headNames, loraNames } from '../../functions/artifacts/modules.ts';
import { publishVersion, setAlias } from '../../functions/artifacts/versions.ts';
import { createApp } from '../../functions/http/app.ts';
import { defaultLimits, type Services } from '../../functions/http/services.ts';
import { openMemoryLimiter } from '../../functions/limits/memory.ts';
import { openShadows } from '../../functions/shadow.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import type { Store } from '../../functions/store/store.ts';
import { openUsageCounter } from '../../functions/usage/counter.ts';
import { baseManifest, fakeBase } from './fake-base.ts';

const { hiddenSize, family } = baseManifest.config;
const rank = 1;

const tensor = (...shape: number[]): FloatTensor => ({
  shape,
  data: new Float32Array(shape.reduce((product, size) => product * size, 1)).fill(0.5),
});

/** The bytes of a version of base `tiny`: rank 1 on the queries, every weight 0.5. */
export function versionOf(changes: Partial<AdapterManifest> & Pick<AdapterManifest, 'task' | 'labels'>) {
  const lora = loraNames(family, 0, 'q');
  const head = headNames(family, changes.task);
  const tensors = new Map([
    [lora.a, tensor(rank, hiddenSize)],
    [lora.b, tensor(hiddenSize, rank)],
    [head.weight, tensor(changes.labels.length, hiddenSize)],
    [head.bias, tensor(changes.labels.length)],
  ]);
  const file = writeAdapter(tensors, 'int8');
  const manifest: AdapterManifest = {
    formatVersion: 1,
    problem: 'single-label',
    base: {
      name: baseManifest.name,
      digest: baseManifest.digest,
      tokenizer: baseManifest.tokenizer.source.sha256,
    },
    maxLength: 16,
    stride: 2,
    lora: { rank, alpha: 2, targetModules: ['q'] },
    head:
      changes.task === 'classification'
        ? { kind: 'pooled', pooling: 'cls', dense: false }
        : { kind: 'token' },
    unanswerable: false,
    quantization: 'int8',
    metrics: { trained: { accuracy: 0.9 }, served: { accuracy: 0.89 } },
    training: { config: {}, seed: 1, engine: 'onnx', dataset: 'a'.repeat(64) },
    files: { 'adapter.safetensors': { sha256: sha256(file), bytes: file.length } },
    ...changes,
  };
  return { manifest: canonicalJson(manifest), files: { 'adapter.safetensors': file } };
}

/** Publishes a version and points `live` at it; returns its digest. */
export async function publish(
  store: Store,
  { tenant, name, ...changes }: { tenant: string; name: string } & Parameters<typeof versionOf>[0],
): Promise<string> {
  const { digest } = await publishVersion(store, { tenant, name, ...versionOf(changes) });
  await setAlias(store, { tenant, name, alias: 'live', digest });
  return digest;
}

export async function keyFor(
  store: Store,
  tenant: string,
  {
    scopes = ['predict'],
    expiresAt = null,
    rate,
  }: Partial<Pick<ApiKeyRecord, 'scopes' | 'rate'> & { expiresAt: Date | null }> = {},
): Promise<string> {
  return (await createKey(store, { tenant, scopes, expiresAt, rate })).key;
}

export const limits = { ...defaultLimits, maxBodyBytes: 4096, maxInputs: 4, maxTextLength: 400 };

export interface Serving {
  store: Store;
  app: ReturnType<typeof createApp>;
  services: Services;
  /** Time as the app sees it: the one that a machine's owner may set, and the one that only goes on. */
  clock: { now: Date; uptimeMs: number };
  /** Of tenant acme, who has `support`, `entities`, `answers` and `unsure`. */
  key: string;
  /** Of tenant bolt, who has `other`. */
  otherKey: string;
  digests: { support: string };
  remove(): Promise<void>;
}

export async function serving(changes: Partial<Services> = {}): Promise<Serving> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-http-'));
  const store = openDirectoryStore(folder);
  const acme = 'acme';
  const classes = ['billing', 'login', 'refund'];
  const support = await publish(store, {
    tenant: acme,
    name: 'support',
    task: 'classification',
    labels: classes,
  });
  await publish(store, {
    tenant: acme,
    name: 'entities',
    task: 'sequence-labeling',
    labels: ['O', 'B-PER', 'I-PER'],
  });
  const span = ['start', 'end'];
  await publish(store, { tenant: acme, name: 'answers', task: 'question-answering', labels: span });
  await publish(store, {
    tenant: acme,
    name: 'unsure',
    task: 'question-answering',
    labels: span,
    unanswerable: true,
  });
  await publish(store, { tenant: 'bolt', name: 'other', task: 'classification', labels: ['no', 'yes'] });

  const clock = { now: new Date(), uptimeMs: 0 };
  const base = fakeBase();
  const services: Services = {
    store,
    adapters: openAdapters({
      store,
      base: async () => base.manifest,
      budgetBytes: 1 << 20,
      aliasTtlMs: 1000,
      now: () => clock.now.getTime(),
    }),
    base: async () => base,
    ready: () => true,
    shadows: openShadows({ maxWaiting: 16, onDisagreement() {}, onFailure() {} }),
    limits,
    limiter: openMemoryLimiter({ uptimeMs: () => clock.uptimeMs }),
    usage: openUsageCounter({
      store,
      now: () => clock.now,
      flushEveryMs: 3_600_000,
      onFlushError: error => {
        throw error;
      },
    }),
    now: () => clock.now,
    uptimeMs: () => clock.uptimeMs,
    ...changes,
  };
  return {
    store,
    services,
    app: createApp(services),
    clock,
    key: await keyFor(store, acme),
    otherKey: await keyFor(store, 'bolt'),
    digests: { support },
    remove: () => rm(folder, { recursive: true }),
  };
}

/** A POST request with a JSON body. */
export function posting(key: string, body: unknown, headers: Record<string, string> = {}): RequestInit {
  return {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  };
}
