/** Live servers over the models of pipelines/, which pipelines.py wrote: one a base, each with an adapter a task. */
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createKey } from '../../functions/artifacts/keys.ts';
import { tasks } from '../../functions/artifacts/names.ts';
import { startServer } from '../../functions/http/serve.ts';
import { openDirectoryStore } from '../../functions/store/directory.ts';
import { pullBase } from '../../trainer/commands/pull-base.ts';
import { readPeftDirectory } from '../../trainer/peft/read.ts';
import { publish } from '../../functions/publish.ts';

export const recorded = (path: string) => fileURLToPath(new URL(`pipelines/${path}`, import.meta.url));
/** As `LENGTH` in pipelines.py. */
const maxLength = 32;

export interface PipelineServer {
  /** Such as `http://127.0.0.1:8787`; an adapter has the name of its task. */
  url: string;
  key: string;
  /** A key of the same tenant with every scope. */
  adminKey: string;
  close(): Promise<void>;
}

export async function startPipelineServer(base: 'wordpiece' | 'unigram'): Promise<PipelineServer> {
  const folder = await mkdtemp(join(tmpdir(), 'veneer-pipelines-'));
  const source = join(folder, 'source');
  await mkdir(source);
  await copyFile(recorded('model.safetensors'), join(source, 'model.safetensors'));
  for (const file of ['config.json', 'tokenizer.json'])
    await copyFile(recorded(`${base}/${file}`), join(source, file));
  const store = openDirectoryStore(join(folder, 'store'));
  await pullBase(store, { wanted: source, name: base, precision: 'fp32', force: false, probe: false }, () => {});
  const tenant = 'acme';
  for (const task of tasks) {
    const options = { base, maxLength, quantization: 'float32', cacheDir: folder } as const;
    const adapter = await readPeftDirectory(store, recorded(task), options, () => {});
    await publish(store, adapter, { tenant, name: task, alias: 'live', minMetrics: {} });
  }
  const { key } = await createKey(store, { tenant, scopes: ['predict'], expiresAt: null });
  const admin = await createKey(store, { tenant, scopes: ['admin'], expiresAt: null });
  const server = await startServer({
    ...{ store, baseName: base, host: '127.0.0.1', port: 0, workers: 0 },
    cacheDir: join(folder, 'cache'),
  });
  return {
    url: server.url,
    key,
    adminKey: admin.key,
    async close() {
      await server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** The answer's JSON and headers; `status` is 200 where a test does not look at it. */
export async function post({ url, key }: PipelineServer, path: string, body: object) {
  const response = await fetch(`${url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  return { status: response.status, headers: response.headers, body: (await response.json()) as unknown };
}
